package sysv

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

// typeBytes is what stands before a message in the buffers of the system
// calls.
const typeBytes = 8

// Sizes in bytes.
const (
	MessageBytes = transport.TakenBytes - typeBytes   // of a message; less where kernel.msgmax or kernel.msgmnb say so
	MaxEntry     = MessageBytes - kernelq.HeaderBytes // of an entry, then
)

// NewSender returns the producing end of the queue that the registry file f
// stands for, for the lane whose send page is page. It owns f. Entries continue
// at the page's tail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender {
	return kernelq.NewSender(newPort(f), shape(largest()), typed(first), page)
}

// NewPrioritySender is NewSender whose entries may be urgent. For these, a
// quarter of the queue's bytes is kept, and no message is larger than that.
func NewPrioritySender(f *os.File, page *transport.SendPage) transport.Prioritized {
	p, most := newPriorityPort(f)
	return kernelq.NewPrioritySender(p, shape(most), typed(second), page)
}

// The types of messages: of those that are in the queue, one of the lowest type
// is received. In a queue without priorities all are of the first.
const (
	first  = 1
	second = 2 // in a queue with priorities, those that are not urgent
)

// shape is that of a queue whose largest message has so many bytes.
func shape(largest int) kernelq.Shape {
	return kernelq.Shape{Message: max(largest, kernelq.HeaderBytes), Prefix: typeBytes, Urgent: true}
}

// typed is what stands before a message of a type.
func typed(t uint64) []byte {
	b := make([]byte, typeBytes)
	putType(b, t)
	return b
}

// NewReceiver returns the consuming end of the queue that the registry file f
// stands for, which it owns. Messages are read into the page's Taken. at is where
// this incarnation begins; if it has a Carry, Next lends that entry first.
func NewReceiver(f *os.File, page *transport.RecvPage, at transport.Place) transport.Receiver {
	return kernelq.NewReceiver(newPort(f), shape(0), page, at)
}

// Taken reads the record of the message that a receiver took last, from the
// memory of its page. ok is false when it has taken none. The entry is part of
// taken.
func Taken(taken []byte) (seq uint64, entry []byte, ok bool) {
	return kernelq.Taken(taken[min(typeBytes, len(taken)):])
}
