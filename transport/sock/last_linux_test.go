package sock

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

var _ = testutil.HelperErr("last words", lastWords)

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

// lastWords sends three frames and dies with a frame unread.
func lastWords(c *testutil.Child) error {
	l, err := New(c.File(0))
	if err != nil {
		return err
	}
	// The first frame says go; the second stays unread.
	if _, _, err := l.Receive(make([]byte, 10)); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	for i := range byte(3) {
		if err := l.Send([]byte{'a' + i}, []transport.File{w}); err != nil {
			return err
		}
	}
	os.Exit(0)
	return nil
}

// TestLastWords: everything that a process sent before its death is received,
// also when it died with frames unread, where the kernel reports a reset
// first; then the link is at its end, in both directions.
func TestLastWords(t *testing.T) {
	testutil.Audit(t)
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := testutil.Start(t, "last words", testutil.Spec{Files: []*os.File{b}})
	b.Close()
	for range 2 {
		if err := l.Send([]byte("go"), nil); err != nil {
			t.Fatal(err)
		}
	}
	c.Succeeds()
	buf := make([]byte, 10)
	for i := range byte(3) {
		n, files, err := l.Receive(buf)
		if err != nil || n != 1 || buf[0] != 'a'+i || len(files) != 1 {
			t.Fatalf("frame %d: %q, %d descriptors, %v", i, buf[:n], len(files), err)
		}
		files[0].Close()
	}
	for range 2 {
		if _, _, err := l.Receive(buf); err != io.EOF {
			t.Errorf("after the last frame: %v", err)
		}
	}
	if err := l.Send([]byte("hello?"), nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("send to the dead: %v", err)
	}
}
