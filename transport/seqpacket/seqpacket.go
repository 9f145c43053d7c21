package seqpacket

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

// Sizes in bytes.
const (
	MessageBytes = transport.TakenBytes               // of a packet
	MaxEntry     = MessageBytes - kernelq.HeaderBytes // of an entry
)

// NewSender returns the producing end of a queue over the send end f, which it
// owns, for the lane whose send page is page. Entries continue at the page's
// tail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender {
	return kernelq.NewSender(newPort(f), kernelq.Shape{Message: MessageBytes}, nil, page)
}

// NewReceiver returns the consuming end of a queue over the receive end f,
// which it owns. Messages are read into taken, which is page's Taken. start is
// the sequence of the first entry that this incarnation handles. carry, when it
// is not empty, is that entry, which an earlier incarnation had taken out of
// the queue; Next lends it first.
func NewReceiver(f *os.File, taken []byte, start uint64, page *transport.RecvPage, carry []byte) transport.Receiver {
	return kernelq.NewReceiver(newPort(f), kernelq.Shape{}, taken, start, page, carry)
}

// Taken reads the record of the message that a receiver took last, from the
// memory of its page. ok is false when it has taken none. The entry is part of
// taken.
func Taken(taken []byte) (seq uint64, entry []byte, ok bool) { return kernelq.Taken(taken) }
