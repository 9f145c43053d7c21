package pipe

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// TestNeverWaits: neither an empty nor a full pipe makes a call wait, by the
// calls of this kernel and by those of older ones, whatever the flags of the
// open file say.
func TestNeverWaits(t *testing.T) {
	for name, older := range map[string]bool{"this kernel": false, "older kernels": true} {
		t.Run(name, func(t *testing.T) {
			send, receive, err := Create()
			if err != nil {
				t.Skip(err)
			}
			w, r := newPort(send), newPort(receive)
			if older {
				refuse := &port{
					write: func(int, []byte) error { return unix.EOPNOTSUPP },
					read:  func(int, []byte) (int, error) { return 0, unix.EOPNOTSUPP },
				}
				w, r = kernelq.NewFD("pipe", send, refuse.put, nil), kernelq.NewFD("pipe", receive, nil, refuse.take)
			}
			defer w.Close()
			defer r.Close()
			b := make([]byte, MessageBytes)
			if _, err := r.Receive(b); err != transport.ErrEmpty {
				t.Fatal(err)
			}
			n := 0
			for ; err == nil; n++ {
				err = w.Send(b[:n%100+1])
			}
			if n--; err != transport.ErrFull || n < 1 {
				t.Fatalf("%v after %d packets", err, n)
			}
			for i := range n {
				if got, err := r.Receive(b); err != nil || got != i%100+1 {
					t.Fatalf("packet %d: %d bytes, %v", i, got, err)
				}
			}
			w.Close()
			if _, err := r.Receive(b); err != transport.ErrEmpty {
				t.Errorf("after the sender's end: %v", err)
			}
		})
	}
}

// TestCalls: what sys says of this kernel's calls for pipes.
func TestCalls(t *testing.T) {
	send, receive, err := Create()
	if err != nil {
		t.Skip(err)
	}
	defer send.Close()
	defer receive.Close()
	_, err = sys.PipeRead(int(receive.Fd()), make([]byte, 1))
	if err != unix.EAGAIN && err != unix.EOPNOTSUPP {
		t.Error(err)
	}
}
