package sysv

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

// typeBytes is the size of the type before a message in the buffers of the system
// calls.
const typeBytes = 8

// Sizes in bytes.
const (
	MessageBytes = transport.TakenBytes - typeBytes   // of a message; less if kernel.msgmax or kernel.msgmnb says so
	MaxEntry     = MessageBytes - kernelq.HeaderBytes // of an entry; less if MessageBytes is
)

// NewSender returns the producing end of the queue of the registry file f, for the
// lane whose send page is page. It owns f. Its sequence continues at the page's tail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender {
	return kernelq.NewSender(newPort(f), shape(largest()), typed(first), page)
}

// NewPrioritySender is NewSender for a queue whose entries may be urgent. Room for the
// largest message, at most a quarter of the queue's bytes, is kept for these.
func NewPrioritySender(f *os.File, page *transport.SendPage) transport.Prioritized {
	p, most := newPriorityPort(f)
	return kernelq.NewPrioritySender(p, shape(most), typed(second), page)
}

// The types of messages. A message of the lowest type in the queue is received first.
// In a queue without priorities all have the first type.
const (
	first  = 1
	second = 2 // in a queue with priorities: not urgent
)

// shape returns the shape of a queue whose largest message has that many bytes.
func shape(largest int) kernelq.Shape {
	return kernelq.Shape{Message: max(largest, kernelq.HeaderBytes), Prefix: typeBytes, Urgent: true}
}

// typed returns the prefix of a message of a type.
func typed(t uint64) []byte {
	b := make([]byte, typeBytes)
	putType(b, t)
	return b
}

// NewReceiver returns the consuming end of the queue of the registry file f, which it
// owns. Messages are read into the page's Taken. at is where this incarnation begins;
// if it has a Carry, Next lends that entry first.
func NewReceiver(f *os.File, page *transport.RecvPage, at transport.Place) transport.Receiver {
	return kernelq.NewReceiver(newPort(f), shape(0), page, at)
}

// Taken decodes the message that a receiver took last from the Taken bytes of its
// page. ok is false when it has taken none. The entry is part of taken.
func Taken(taken []byte) (seq uint64, entry []byte, ok bool) {
	return kernelq.Taken(taken[min(typeBytes, len(taken)):])
}
