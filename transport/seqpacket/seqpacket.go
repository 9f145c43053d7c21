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

// NewSender returns the producing end of a queue over the send end f, which it owns,
// for the lane whose send page is page. Its sequence continues at the page's tail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender {
	return kernelq.NewSender(newPort(f), kernelq.Shape{Message: MessageBytes}, nil, page)
}

// NewReceiver returns the consuming end of a queue over the receive end f, which it
// owns. Messages are read into the page's Taken. at is where this incarnation
// begins; if it has a Carry, Next lends that entry first.
func NewReceiver(f *os.File, page *transport.RecvPage, at transport.Place) transport.Receiver {
	return kernelq.NewReceiver(newPort(f), kernelq.Shape{}, page, at)
}
