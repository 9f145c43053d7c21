package sock

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

// eachLink runs f with a link of sockets, and with one inside this process.
func eachLink(t *testing.T, f func(t *testing.T, a, b transport.Link)) {
	t.Run("sockets", func(t *testing.T) {
		testutil.Audit(t)
		a, b := links(t)
		f(t, a, b)
	})
	t.Run("local", func(t *testing.T) {
		testutil.Audit(t)
		a, b := Local()
		defer func() { a.Close(); b.Close() }()
		f(t, a, b)
	})
}

// TestListen: every frame comes, also one that was there before, in order, with its file, and the end, one call
// at a time, whoever closes the link; and between two of them there is no
// goroutine.
func TestListen(t *testing.T) {
	testutil.Descriptors(t, 512)
	for _, own := range []bool{false, true} {
		eachLink(t, func(t *testing.T, a, b transport.Link) { listens(t, a, b, own) })
	}
}

func listens(t *testing.T, a, b transport.Link, own bool) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	const frames = 500
	got, end := make(chan byte, frames), make(chan error, 1)
	send := func(i int) {
		t.Helper()
		if err := a.Send([]byte{byte(i)}, []transport.File{null}); err != nil {
			t.Fatal(err)
		}
	}
	send(0)
	var inside atomic.Int32
	if err := b.Listen(func() bool {
		if inside.Add(1) > 1 {
			t.Error("two calls at once")
		}
		defer inside.Add(-1)
		buf := make([]byte, 10)
		_, files, err := b.Receive(buf)
		if err != nil {
			end <- err
			return false
		}
		if len(files) != 1 {
			t.Errorf("%d files", len(files))
		}
		files[0].Close()
		got <- buf[0]
		return true
	}); err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		if i > 0 {
			send(i)
		}
		if i%3 == 0 { // rest in between
			if x := <-got; x != byte(i/3) {
				t.Fatalf("frame %d, not %d", x, i/3)
			}
		}
	}
	for i := (frames + 2) / 3; i < frames; i++ {
		if x := <-got; x != byte(i) {
			t.Fatalf("frame %d, not %d", x, i)
		}
	}
	if own {
		b.Close()
		if err := <-end; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("the end is %v", err)
		}
		return
	}
	a.Close()
	if err := <-end; err != io.EOF {
		t.Errorf("the end is %v", err)
	}
}
