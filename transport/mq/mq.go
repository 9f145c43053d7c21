package mq

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

// Sizes in bytes.
const (
	HeaderBytes  = kernelq.HeaderBytes        // of a message, before its entry
	MessageBytes = 320                        // of a message, unless Create is told otherwise
	MaxEntry     = MessageBytes - HeaderBytes // of an entry, then
)

// DefaultDepth is the number of messages that a queue holds. Every kernel
// allows it to every process.
const DefaultDepth = 10

// NewSender returns the producing end of the queue f, which it owns, for the
// lane whose send page is page. Entries continue at the page's tail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender {
	return kernelq.NewSender(newPort(f), kernelq.Shape{Message: messageBytes(f)}, nil, page)
}

// NewPrioritySender is NewSender whose entries may be urgent. For these, one
// message in five of what the queue holds is kept, and one at least.
func NewPrioritySender(f *os.File, page *transport.SendPage) transport.Prioritized {
	return kernelq.NewPrioritySender(newPriorityPort(f), kernelq.Shape{Message: messageBytes(f)}, nil, page)
}

// NewReceiver returns the consuming end of the queue f, which it owns. Messages
// are read into taken, which is page's Taken. start is the sequence of the
// first entry that this incarnation handles. carry, when it is not empty, is
// that entry, which an earlier incarnation had taken out of the queue; Next
// lends it first.
func NewReceiver(f *os.File, taken []byte, start uint64, page *transport.RecvPage, carry []byte) transport.Receiver {
	return kernelq.NewReceiver(newPort(f), kernelq.Shape{Urgent: true}, taken, start, page, carry)
}

// Resume is NewReceiver of a queue some of whose entries were urgent.
func Resume(f *os.File, taken []byte, at transport.Place, page *transport.RecvPage) transport.Receiver {
	return kernelq.Resume(newPort(f), kernelq.Shape{Urgent: true}, taken, at, page)
}

// Taken reads the record of the message that a receiver took last, from the
// memory of its page. ok is false when it has taken none. The entry is part of
// taken.
func Taken(taken []byte) (seq uint64, entry []byte, ok bool) { return kernelq.Taken(taken) }
