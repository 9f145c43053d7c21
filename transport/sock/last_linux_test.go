package sock

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

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

// TestUnread: with a link, the files of frames that nobody has received are closed.
func TestUnread(t *testing.T) { eachLink(t, unread) }

func unread(t *testing.T, a, b transport.Link) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := a.Send([]byte{1}, []transport.File{w}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	b.Close()
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil { // it has no end as long as somebody has w
		t.Error(b, err)
	}
}

// TestUnreadThatLingers: nobody waits for a socket whose close waits, if its only descriptor
// travels in what is closed or skipped.
func TestUnreadThatLingers(t *testing.T) {
	testutil.Audit(t)
	for what, put := range map[string]func(t *testing.T, f *os.File) (end func()){
		"in a link": func(t *testing.T, f *os.File) func() {
			a, b := links(t)
			if err := a.Send([]byte{1}, []transport.File{f}); err != nil {
				t.Fatal(err)
			}
			return func() { b.Close() }
		},
		"in a passage": func(t *testing.T, f *os.File) func() {
			in, exit, err := NewPassage()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { in.Close(); exit.Close() })
			if err := in.Put(1, []*os.File{f}); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := Drop(exit, 1); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := os.NewFile(uintptr(testutil.Lingering(t)), "socket")
			end := put(t, f)
			f.Close()
			begun := time.Now()
			end()
			if d := time.Since(begun); d > 20*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}
