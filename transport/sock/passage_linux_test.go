package sock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// passage makes both ends of a passage, which are closed at the end of the test.
func passage(t *testing.T) (in, out *Passage) {
	t.Helper()
	in, exit, err := NewPassage()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	if out, err = OpenPassage(exit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return in, out
}

// TestPassage: packets of a dead process are taken in order; what is skipped
// or dropped is closed.
func TestPassage(t *testing.T) {
	testutil.Audit(t)
	in, exit, err := NewPassage()
	if err != nil {
		t.Fatal(err)
	}
	out, err := OpenPassage(exit)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := out.Take(1, 1); !errors.Is(err, ErrNoFiles) {
		t.Error("out of nothing:", err)
	}
	if err := Drop(exit, 1); err != nil {
		t.Error(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := testutil.Start(t, "putter", testutil.Spec{Files: []*os.File{in.f, w}})
	in.Close()
	w.Close()
	p.Expect("put")
	p.Kill()
	p.Wait()
	// Tickets 1 to 6, one file each: 1 is dropped, 2 skipped, 3 and 5 taken.
	if err := Drop(exit, 1); err != nil {
		t.Error(err)
	}
	for _, ticket := range []uint64{3, 5} {
		fs, err := out.Take(ticket, 1)
		if err != nil {
			t.Fatal(ticket, err)
		}
		if _, err := fmt.Fprint(fs[0], ticket); err != nil {
			t.Error(err)
		}
		fs[0].Close()
		if _, err := out.Take(ticket, 1); !errors.Is(err, ErrNoFiles) {
			t.Error("taken twice:", err)
		}
	}
	var corrupt *transport.CorruptError
	if _, err := out.Take(6, 2); !errors.As(err, &corrupt) {
		t.Error("another number of files:", err)
	}
	if err := Drop(exit, 100); err != nil {
		t.Error(err)
	}
	// Everything is closed, or this does not end.
	if b, err := io.ReadAll(r); string(b) != "35" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

var _ = testutil.HelperErr("putter", func(c *testutil.Child) error {
	p, err := OpenPassage(c.File(0))
	if err != nil {
		return err
	}
	for ticket := range uint64(6) {
		if err := p.Put(ticket+1, []*os.File{c.File(1)}); err != nil {
			return err
		}
	}
	c.Say("put")
	c.Wait("never said")
	return nil
})

// TestPassageBounds: a passage is full at some point and says so, takes no
// more than so many files at once, and is no other kind of file.
func TestPassageBounds(t *testing.T) {
	testutil.Audit(t)
	in, exit, err := NewPassage()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := OpenPassage(exit)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := uint64(0)
	for err = in.Put(n, []*os.File{w}); err == nil; err = in.Put(n, []*os.File{w}) {
		n++
	}
	w.Close()
	if !errors.Is(err, transport.ErrFull) || n < 10 || n > 100 {
		t.Errorf("after %d packets: %v", n, err)
	}
	if err := in.Put(n, make([]*os.File, MaxFiles+1)); err == nil || !strings.Contains(err.Error(), "limit of 8") {
		t.Error(err)
	}
	if err := Drop(exit, 0); err != nil {
		t.Error(err)
	}
	if err := in.Put(n, []*os.File{r}); err != nil {
		t.Error("no room after a packet has left:", err)
	}
	out.Close() // with it all that is in the passage
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
		t.Error(b, err)
	}
	if err := in.Put(n, []*os.File{r}); !errors.Is(err, transport.ErrClosed) {
		t.Error("no exit any more:", err)
	}
	if err := in.Put(n, []*os.File{w}); err == nil {
		t.Error("a closed file was sent")
	}
	if _, err := OpenPassage(r); !errors.Is(err, unix.ENOTSOCK) {
		t.Error(err)
	}
}

// TestPassageOfMany: as many files as may travel together arrive, behind as many packets
// as a passage holds.
func TestPassageOfMany(t *testing.T) {
	testutil.Audit(t)
	in, out := passage(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	files := slices.Repeat([]*os.File{null}, MaxFiles)
	last := uint64(0)
	for err == nil {
		last++
		err = in.Put(last, files)
	}
	last--
	if !errors.Is(err, transport.ErrFull) || last < 10 {
		t.Fatalf("after %d packets: %v", last, err)
	}
	got, err := out.Take(last, MaxFiles)
	if err != nil || len(got) != MaxFiles {
		t.Fatalf("%d files of packet %d, %v", len(got), last, err)
	}
	for _, f := range got {
		f.Close()
	}
}

// TestPassageLies: a packet that does not have as many files as it says, or as the lane
// says, is refused, and nothing of it is kept.
func TestPassageLies(t *testing.T) {
	testutil.Audit(t)
	in, out := passage(t)
	for i, lie := range []struct{ says, has int }{{2, 1}, {1, 2}, {1, 0}, {0, 1}, {1, MaxFiles + 1}} {
		b := make([]byte, passageHeader)
		b[0], b[8] = byte(i), byte(lie.says)
		rights := unix.UnixRights(make([]int, lie.has)...) // of descriptor 0
		if err := sys.FD(in.f, func(fd int) error { return unix.Sendmsg(fd, b, rights, nil, 0) }); err != nil {
			t.Fatal(err)
		}
		var corrupt *transport.CorruptError
		if files, err := out.Take(uint64(i), 1); !errors.As(err, &corrupt) || files != nil {
			t.Errorf("%+v: %d files, %v", lie, len(files), err)
		}
	}
}
