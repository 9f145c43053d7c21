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
	_ = testutil.HelperErr("echo", echo)
	_ = testutil.HelperErr("collect", collect)
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
	c := testutil.Start(t, name, testutil.Spec{Files: []*os.File{b}})
	b.Close()
	t.Cleanup(func() {
		l.Close()
		c.Succeeds()
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
	if err := a.Listen(func() bool { t.Error("a call for a link that is closed"); return false }); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Listen after it: %v", err)
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
	// A stream would mix frames and cut them.
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(os.NewFile(uintptr(fds[0]), "stream")); err == nil {
		t.Error("a stream is a link")
	}
	if _, err := OpenPassage(os.NewFile(uintptr(fds[1]), "stream")); !errors.Is(err, unix.EPROTOTYPE) {
		t.Errorf("a stream is a passage: %v", err)
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("it was not taken: %v", err)
		}
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
	if err := a.Send([]byte{1}, []transport.File{os.Stdin, f}); err == nil {
		t.Error("a closed file was sent")
	}
}

// TestFull: a link that is full says so at once to TrySend, and has not taken the frame.
// Send waits for room.
func TestFull(t *testing.T) { eachLink(t, fills) }

func fills(t *testing.T, link, b transport.Link) {
	a := link.(interface {
		transport.Link
		TrySend(frame []byte, files []transport.File) error
	})
	frame := make([]byte, MaxFrame/2) // again and again: a link copies it
	sent := 0
	var err error
	for err == nil && sent < 1000 {
		frame[0] = byte(sent)
		if err = a.TrySend(frame, nil); err == nil {
			sent++
		}
	}
	if !errors.Is(err, transport.ErrFull) || sent == 0 {
		t.Fatalf("after %d frames: %v", sent, err)
	}
	if _, ok := link.(*local); ok && sent != wayBytes/len(frame) {
		t.Errorf("%d frames of %d bytes, with room for %d bytes", sent, len(frame), wayBytes)
	}
	const more = 30 // more than there is room for
	var wg sync.WaitGroup
	defer wg.Wait()
	defer a.Close()
	wg.Go(func() {
		for i := range more {
			frame[0] = byte(sent + i)
			if err := a.Send(frame, nil); err != nil {
				t.Error(err)
			}
		}
	})
	buf := make([]byte, MaxFrame)
	for i := range sent + more {
		if n, _, err := b.Receive(buf); err != nil || n != len(frame) || buf[0] != byte(i) {
			t.Fatalf("frame %d: %d bytes of %d, %v", i, n, buf[0], err)
		}
	}
	b.Close()
	if err := a.TrySend([]byte{1}, nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("to nobody: %v", err)
	}
	a.Close()
	if err := a.TrySend([]byte{1}, nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestBreak: who has the other end learns why the link was closed, if that is known in this
// process.
func TestBreak(t *testing.T) { eachLink(t, breaks) }

func breaks(t *testing.T, a, b transport.Link) {
	why, want := errors.New("why"), io.EOF
	if _, ok := a.(*local); ok {
		want = why
	}
	if err := a.Send([]byte{1}, nil); err != nil {
		t.Fatal(err)
	}
	Break(a, why)
	buf := make([]byte, 10)
	if n, _, err := b.Receive(buf); err != nil || n != 1 {
		t.Errorf("a frame from before: %d bytes, %v", n, err)
	}
	if _, _, err := b.Receive(buf); err != want {
		t.Errorf("the end is %v", err)
	}
	if _, _, err := a.Receive(buf); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("for who closed it, the end is %v", err)
	}
}

// TestTooLarge: a frame for which the buffer is too small is lost, with its file, and the
// next one is whole.
func TestTooLarge(t *testing.T) { eachLink(t, tooLarge) }

func tooLarge(t *testing.T, a, b transport.Link) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for range 2 {
		if err := a.Send(make([]byte, 10), []transport.File{null}); err != nil {
			t.Fatal(err)
		}
	}
	e := (*TruncatedError)(nil)
	if n, files, err := b.Receive(make([]byte, 9)); !errors.As(err, &e) || e.What != "frame" || e.Room != 9 || n != 0 || files != nil {
		t.Errorf("%d bytes, %d files, %v", n, len(files), err)
	}
	n, files, err := b.Receive(make([]byte, 10))
	if err != nil || n != 10 || len(files) != 1 {
		t.Fatalf("the next frame: %d bytes, %d files, %v", n, len(files), err)
	}
	files[0].Close()
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
// the end, although somebody still has the other end. The other direction stays open.
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
	if err := l.Send([]byte{5}, nil); err != nil {
		t.Errorf("a frame in the other direction: %v", err)
	} else if n, _, err := peer.Receive(buf); err != nil || n != 1 || buf[0] != 5 {
		t.Errorf("in the other direction came % x, %v", buf[:n], err)
	}
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

// TestSmallSocket: a frame that a socket's buffer cannot hold is refused with the limit
// that makes it so small.
func TestSmallSocket(t *testing.T) {
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := unix.SetsockoptInt(int(a.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF, 8<<10); err != nil {
		t.Fatal(err)
	}
	l, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = l.Send(make([]byte, MaxFrame), nil)
	if e := (*transport.LimitError)(nil); !errors.As(err, &e) || e.Limit != "net.core.wmem_default" || e.Remedy == "" || !errors.Is(err, unix.EMSGSIZE) {
		t.Error(err)
	}
	if err := l.Send(make([]byte, 1<<10), nil); err != nil {
		t.Error(err)
	}
}
