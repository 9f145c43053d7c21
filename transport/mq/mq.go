package mq

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

// Sizes in bytes.
const (
	MessageBytes = 320                                // of a message
	MaxEntry     = MessageBytes - kernelq.HeaderBytes // of an entry
)

// Depth is the number of messages that a queue holds, unless fs.mqueue.msg_max allows
// only fewer. It is the default of that limit.
const Depth = 10

// NewSender returns the producing end of the queue f, which it owns, for the lane
// whose send page is page. Its sequence continues at the page's tail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender {
	return kernelq.NewSender(newPort(f), kernelq.Shape{Message: MessageBytes}, nil, page)
}

// NewPrioritySender is NewSender for a queue whose entries may be urgent. One place in
// five, and at least one, is kept for these.
func NewPrioritySender(f *os.File, page *transport.SendPage) transport.Prioritized {
	return kernelq.NewPrioritySender(newPriorityPort(f), kernelq.Shape{Message: MessageBytes}, nil, page)
}

// NewReceiver returns the consuming end of the queue f, which it owns. Messages are
// read into the page's Taken. at is where this incarnation begins; if it has a Carry,
// Next lends that entry first.
func NewReceiver(f *os.File, page *transport.RecvPage, at transport.Place) transport.Receiver {
	return kernelq.NewReceiver(newPort(f), kernelq.Shape{Urgent: true}, page, at)
}
