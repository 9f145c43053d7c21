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
	typ := make([]byte, typeBytes)
	putType(typ)
	return kernelq.NewSender(newPort(f), kernelq.Shape{Message: max(largest(), kernelq.HeaderBytes), Prefix: typeBytes}, typ, page)
}

// NewReceiver returns the consuming end of the queue that the registry file f
// stands for. It owns f. Messages are read into taken, which is page's Taken.
// start is the sequence of the first entry that this incarnation handles.
// carry, when it is not empty, is that entry, which an earlier incarnation had
// taken out of the queue; Next lends it first.
func NewReceiver(f *os.File, taken []byte, start uint64, page *transport.RecvPage, carry []byte) transport.Receiver {
	return kernelq.NewReceiver(newPort(f), kernelq.Shape{Prefix: typeBytes}, taken, start, page, carry)
}

// Taken reads the record of the message that a receiver took last, from the
// memory of its page. ok is false when it has taken none. The entry is part of
// taken.
func Taken(taken []byte) (seq uint64, entry []byte, ok bool) {
	return kernelq.Taken(taken[min(typeBytes, len(taken)):])
}
