package seqpacket

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// TestNeverWaits: neither an empty nor a full queue makes a call wait, and a
// sender that hangs up leaves what it has sent.
func TestNeverWaits(t *testing.T) {
	send, receive, err := Create()
	if err != nil {
		t.Skip(err)
	}
	w, r := newPort(send), newPort(receive)
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
	// A receiver that writes makes the sender's end leave an error behind.
	if err := unix.Sendto(int(receive.Fd()), []byte("x"), unix.MSG_DONTWAIT, nil); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for i := range n {
		if got, err := r.Receive(b); err != nil || got != i%100+1 {
			t.Fatalf("packet %d: %d bytes, %v", i, got, err)
		}
	}
	if _, err := r.Receive(b); err != transport.ErrEmpty {
		t.Errorf("after the sender's end: %v", err)
	}
}
