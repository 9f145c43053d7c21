package sock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

var (
	_ = helper("echo", echo)
	_ = helper("collect", collect)
	_ = helper("last words", lastWords)
)

// echo sends everything back, descriptors too.
func echo(c *testutil.Child) error {
	l, err := New(c.File(0))
	if err != nil {
		return err
	}
	buf := make([]byte, MaxFrame)
	for {
		n, files, err := l.Receive(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.Send(buf[:n], files); err != nil {
			return err
		}
		for _, f := range files {
			f.Close()
		}
	}
}

// connect starts a helper and returns this end of its link.
func connect(t testing.TB, name string) transport.Link {
	t.Helper()
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, name, b)
	b.Close()
	t.Cleanup(func() {
		l.Close()
		ended(t, c)
	})
	return l
}

func links(t testing.TB) (a, b transport.Link) {
	t.Helper()
	fa, fb, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	if a, err = New(fa); err != nil {
		t.Fatal(err)
	}
	if b, err = New(fb); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// TestEcho sends frames of all sizes, some with descriptors, to another
// process and back.
func TestEcho(t *testing.T) {
	testutil.Audit(t)
	l := connect(t, "echo")
	buf := make([]byte, MaxFrame)
	for i, n := range []int{1, 2, 100, 4095, 4096, 4097, MaxFrame - 1, MaxFrame} {
		frame := bytes.Repeat([]byte{byte(i + 1)}, n)
		var files []transport.File
		var readers []*os.File
		for range min(i, MaxFiles) + i/7*(MaxFiles-7) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			readers, files = append(readers, r), append(files, w)
		}
		if err := l.Send(frame, files); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			f.Close() // the descriptors on their way are others
		}
		got, back, err := l.Receive(buf)
		if err != nil || !bytes.Equal(buf[:got], frame) || len(back) != len(files) {
			t.Fatalf("frame of %d bytes with %d descriptors: got %d with %d, %v", n, len(files), got, len(back), err)
		}
		for k, f := range back {
			flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
			if err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("descriptor %d is not close-on-exec: %#x %v", k, flags, err)
			}
			fmt.Fprintf(f.(*os.File), "I am %d", k)
			f.Close()
			said, err := io.ReadAll(readers[k])
			if err != nil || string(said) != fmt.Sprintf("I am %d", k) {
				t.Errorf("descriptor %d: %q %v", k, said, err)
			}
			readers[k].Close()
		}
	}
}

// TestModeKept: sending a descriptor does not make it blocking, for it may be
// in the poller of another process.
func TestModeKept(t *testing.T) { eachLink(t, keepsMode) }

func keepsMode(t *testing.T, a, b transport.Link) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := a.Send([]byte{1}, []transport.File{r}); err != nil {
		t.Fatal(err)
	}
	_, files, err := b.Receive(make([]byte, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer files[0].Close()
	flags, err := unix.FcntlInt(files[0].Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

// collect checks the frames of several senders: {sender, number, length,
// bytes, check sum}, and answers with how many there were.
func collect(c *testutil.Child) error {
	l, err := New(c.File(0))
	if err != nil {
		return err
	}
	next := map[uint32]uint32{}
	buf := make([]byte, MaxFrame)
	for {
		n, _, err := l.Receive(buf)
		if err != nil {
			return err
		}
		if n == 1 {
			break
		}
		who, number := binary.LittleEndian.Uint32(buf), binary.LittleEndian.Uint32(buf[4:])
		if number != next[who] {
			return fmt.Errorf("sender %d: frame %d where %d is next", who, number, next[who])
		}
		next[who]++
		if crc32.ChecksumIEEE(buf[:n-4]) != binary.LittleEndian.Uint32(buf[n-4:n]) {
			return fmt.Errorf("sender %d: frame %d is mixed", who, number)
		}
	}
	sum := uint32(0)
	for _, n := range next {
		sum += n
	}
	return l.Send(binary.LittleEndian.AppendUint32(nil, sum), nil)
}

// TestConcurrentSenders: frames of many goroutines arrive whole, each
// sender's in its order.
func TestConcurrentSenders(t *testing.T) {
	testutil.Audit(t)
	l := connect(t, "collect")
	const senders = 8
	each := uint32(testutil.Rounds(100, 5000))
	var wg sync.WaitGroup
	for who := range uint32(senders) {
		wg.Go(func() {
			for i := range each {
				f := make([]byte, 8+int(i*37%8000), MaxFrame)
				binary.LittleEndian.PutUint32(f, who)
				binary.LittleEndian.PutUint32(f[4:], i)
				for k := range f[8:] {
					f[8+k] = byte(who*31 + i)
				}
				f = binary.LittleEndian.AppendUint32(f, crc32.ChecksumIEEE(f))
				if err := l.Send(f, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := l.Send([]byte{0}, nil); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	if n, _, err := l.Receive(buf); err != nil || n != 4 || binary.LittleEndian.Uint32(buf) != senders*each {
		t.Errorf("%d frames arrived, want %d (%v)", binary.LittleEndian.Uint32(buf), senders*each, err)
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
	c := start(t, "last words", b)
	b.Close()
	for range 2 {
		if err := l.Send([]byte("go"), nil); err != nil {
			t.Fatal(err)
		}
	}
	ended(t, c)
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

// TestOutOfDescriptors: where one of four descriptors fits below the limit,
// the kernel keeps silent about the other three; the link does not.
func TestOutOfDescriptors(t *testing.T) {
	testutil.Audit(t)
	p := newRawPeer(t)
	p.send(1, 4)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	var fill []int // with these, all numbers below the limit are used but one
	for last := 0; last <= 100; last = fill[len(fill)-1] {
		fd, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		fill = append(fill, fd)
	}
	defer func() {
		for _, fd := range fill {
			unix.Close(fd)
		}
	}()
	last := fill[len(fill)-1]
	fill = fill[:len(fill)-1]
	unix.Close(last)
	low := old
	low.Cur = uint64(last) + 1
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Skip("cannot lower the limit:", err)
	}
	p.cutOff("descriptors", true)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	p.whole()
}

// TestClose: Close ends blocked calls of this end, and the peer sees the end.
func TestClose(t *testing.T) { eachLink(t, closes) }

func closes(t *testing.T, a, b transport.Link) {
	got := make(chan error, 2)
	go func() {
		_, _, err := a.Receive(make([]byte, 10))
		got <- err
	}()
	sent := make(chan bool, 1)
	go func() {
		big := make([]byte, MaxFrame)
		for i := 0; ; i++ {
			if err := a.Send(big, nil); err != nil {
				got <- err
				return
			}
			if i == 0 {
				sent <- true
			}
		}
	}()
	<-sent
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-got; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("a blocked call returned %v", err)
		}
	}
	buf := make([]byte, MaxFrame)
	for {
		if _, _, err := b.Receive(buf); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRefused(t *testing.T) {
	eachLink(t, refuses)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := New(r); err == nil {
		t.Error("a pipe is a link")
	}
	if err := r.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("New has not taken the file")
	}
}

func refuses(t *testing.T, a, _ transport.Link) {
	if err := a.Send(nil, nil); err == nil {
		t.Error("an empty frame was sent")
	}
	e := (*transport.SizeError)(nil)
	if err := a.Send(make([]byte, MaxFrame+1), nil); !errors.As(err, &e) || e.Limit != MaxFrame {
		t.Error(err)
	}
	if err := a.Send([]byte{1}, make([]transport.File, MaxFiles+1)); err == nil {
		t.Error("nine descriptors were sent")
	}
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := a.Send([]byte{1}, []transport.File{f}); err == nil {
		t.Error("a closed file was sent")
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	l := connect(b, "echo")
	frame, buf := make([]byte, 64), make([]byte, MaxFrame)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Send(frame, nil); err != nil {
			b.Fatal(err)
		}
		if _, _, err := l.Receive(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCloseRead: what has arrived is received after it, with its files, and then
// the end, although somebody still has the other end.
func TestCloseRead(t *testing.T) { eachLink(t, closesRead) }

func closesRead(t *testing.T, l, peer transport.Link) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for i := range 3 {
		if err := peer.Send([]byte{byte(i), 7}, []transport.File{null}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.(interface{ CloseRead() error }).CloseRead(); err != nil {
		t.Fatal(err)
	}
	if err := peer.Send([]byte{9}, nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("a frame after it: %v", err)
	}
	buf := make([]byte, 10)
	for i := range 3 {
		n, files, err := l.Receive(buf)
		if err != nil || n != 2 || buf[0] != byte(i) || len(files) != 1 {
			t.Fatalf("frame %d: % x with %d files, %v", i, buf[:n], len(files), err)
		}
		files[0].Close()
	}
	if _, _, err := l.Receive(buf); err != io.EOF {
		t.Errorf("after the last one: %v", err)
	}
}
