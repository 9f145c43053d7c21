package kernelq_test

import (
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/transporttest"
)

// fake is a queue in this process's memory, with a prefix as SysV has one.
type fake struct {
	messages [][]byte
	prefix   int
}

func (f *fake) Send(m []byte) error {
	if len(f.messages) == 5 {
		return transport.ErrFull
	}
	f.messages = append(f.messages, append([]byte(nil), m...))
	return nil
}

func (f *fake) Receive(b []byte) (int, error) {
	if len(f.messages) == 0 {
		return 0, transport.ErrEmpty
	}
	n := copy(b, f.messages[0])
	f.messages = f.messages[1:]
	return n - f.prefix, nil
}

func (f *fake) Close() error { return nil }

// TestFake: the in-memory queue passes the suite, and the race detector sees
// both ends.
func TestFake(t *testing.T) {
	for _, shape := range []kernelq.Shape{{Message: 64}, {Message: 4096}, {Message: 4088, Prefix: 8}} {
		transporttest.Pair(t, func(t *testing.T) transporttest.Ends {
			f := &fake{prefix: shape.Prefix}
			out, err := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
			if err != nil {
				t.Fatal(err)
			}
			in, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
			if err != nil {
				t.Fatal(err)
			}
			return transporttest.Ends{
				Sender:   kernelq.NewSender(f, shape, make([]byte, shape.Prefix), out),
				Receiver: kernelq.NewReceiver(f, shape, in, transport.Place{}),
			}
		})
	}
}
