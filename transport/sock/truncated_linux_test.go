package sock

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

// rawPeer is a link and the bare socket at its other end, which sends what it
// likes.
type rawPeer struct {
	t    *testing.T
	link transport.Link
	fd   int
}

func newRawPeer(t *testing.T) *rawPeer {
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); a.Close() })
	return &rawPeer{t: t, link: l, fd: int(a.Fd())}
}

// send sends n bytes with a number of descriptors.
func (p *rawPeer) send(n, descriptors int) {
	p.t.Helper()
	rights := unix.UnixRights(make([]int, descriptors)...) // of descriptor 0
	if err := unix.Sendmsg(p.fd, bytes.Repeat([]byte{7}, n), rights, nil, 0); err != nil {
		p.t.Fatal(err)
	}
}

// cutOff receives into 10 bytes, which must fail; limit says whether a limit
// of the machine is to blame.
func (p *rawPeer) cutOff(what string, limit bool) {
	p.t.Helper()
	n, files, err := p.link.Receive(make([]byte, 10))
	e := (*TruncatedError)(nil)
	if !errors.As(err, &e) || e.What != what || n != 0 || files != nil {
		p.t.Errorf("%d bytes, %d descriptors, %v", n, len(files), err)
	}
	if le := (*transport.LimitError)(nil); errors.As(err, &le) != limit {
		p.t.Errorf("limit: %v", err)
	}
}

// whole receives 10 bytes with one descriptor: the link is in order.
func (p *rawPeer) whole() {
	p.t.Helper()
	p.send(10, 1)
	n, files, err := p.link.Receive(make([]byte, 10))
	if err != nil || n != 10 || len(files) != 1 {
		p.t.Fatalf("after an error: %d bytes, %d descriptors, %v", n, len(files), err)
	}
	files[0].Close()
}

// TestTruncated: a frame or a descriptor that does not fit is an error, what
// came of it is closed, and the next frame is whole.
func TestTruncated(t *testing.T) {
	testutil.Audit(t)
	p := newRawPeer(t)
	p.send(11, 1)
	p.cutOff("frame", false)
	p.whole()
	p.send(1, MaxFiles+3)
	p.cutOff("descriptors", false)
	p.whole()
	// An empty frame is what an end looks like.
	if err := unix.Send(p.fd, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.link.Receive(make([]byte, 10)); err != io.EOF {
		t.Errorf("empty frame: %v", err)
	}
}

// oneFree lowers the limit so that one descriptor is free below it, until restore
// is called.
func oneFree(t *testing.T) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	var fill []int // with these, all numbers below the limit are used but one
	t.Cleanup(func() {
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
		for _, fd := range fill {
			unix.Close(fd)
		}
	})
	for last := 0; last <= 100; last = fill[len(fill)-1] {
		fd, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		fill = append(fill, fd)
	}
	last := fill[len(fill)-1]
	fill = fill[:len(fill)-1]
	unix.Close(last)
	low := old
	low.Cur = uint64(last) + 1
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Skip("cannot lower the limit:", err)
	}
	return func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
}

// TestOutOfDescriptors: where one of four descriptors fits below the limit,
// the kernel keeps silent about the other three; the link does not.
func TestOutOfDescriptors(t *testing.T) {
	testutil.Descriptors(t, 128)
	testutil.Audit(t)
	p := newRawPeer(t)
	p.send(1, 4)
	restore := oneFree(t)
	p.cutOff("descriptors", true)
	restore()
	p.whole()
}

// TestPassageOutOfDescriptors: the same of files that wait. The limit is to blame, and
// not who has sent them.
func TestPassageOutOfDescriptors(t *testing.T) {
	testutil.Descriptors(t, 128)
	testutil.Audit(t)
	in, out := passage(t)
	if err := in.Put(1, []*os.File{os.Stdin, os.Stdin, os.Stdin}); err != nil {
		t.Fatal(err)
	}
	restore := oneFree(t)
	files, err := out.Take(1, 3)
	restore()
	if limit := (*transport.LimitError)(nil); !errors.As(err, &limit) || files != nil {
		t.Errorf("%d files, %v", len(files), err)
	}
}
