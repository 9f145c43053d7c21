package pipe

import (
	"errors"
	"os"
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

// TestForeign: what a sender gives its receiver in the place of a pipe is refused, since
// nobody knows how long a read of it takes.
func TestForeign(t *testing.T) {
	for _, path := range []string{"/dev/zero", "/dev/null", "/proc/self/exe", "/"} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		page, err := transport.NewRecvPage(make([]byte, transport.RecvPageBytes))
		if err != nil {
			t.Fatal(err)
		}
		r := NewReceiver(f, page, transport.Place{})
		_, err = r.Next()
		if e := (*transport.CorruptError)(nil); !errors.As(err, &e) || e.What != "type of a pipe" {
			t.Errorf("%s: %v", path, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if f.Close() == nil {
			t.Errorf("%s is still open", path)
		}
	}
}
