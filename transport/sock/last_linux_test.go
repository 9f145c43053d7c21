package sock

import (
	"io"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestLastFrame: a frame that was sent just before the end of its sender is
// received, also by who looks in that very moment.
func TestLastFrame(t *testing.T) {
	testutil.Audit(t)
	buf := make([]byte, 10)
	for i := range testutil.Rounds(2000, 2_000_000) {
		a, b, err := Pair()
		if err != nil {
			t.Fatal(err)
		}
		l, err := New(a)
		if err != nil {
			t.Fatal(err)
		}
		peer, err := New(b)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if err := peer.Send([]byte{1}, nil); err != nil {
				t.Error(err)
			}
			peer.Close()
		}()
		n := 0
		for {
			if _, _, err = l.Receive(buf); err != nil {
				break
			}
			n++
		}
		l.Close()
		if n != 1 || err != io.EOF {
			t.Fatalf("round %d: %d frames, %v", i, n, err)
		}
	}
}
