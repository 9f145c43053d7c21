package pipe

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Create makes a queue. If the machine refuses, the error is a
// *transport.LimitError.
func Create() (send, receive *os.File, err error) {
	var fds [2]int
	// Blocking, so that no Go program puts it into its poller; each call here is
	// itself made not to wait.
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT); err != nil {
		if err == unix.EINVAL {
			return nil, nil, fmt.Errorf("pipe: create a queue: this kernel has no pipes in packet mode: %w", err)
		}
		return nil, nil, sys.Limited("pipe: create a queue", err)
	}
	// If fs.pipe-user-pages-soft or fs.pipe-max-size forbids this, the queue keeps
	// the size that the kernel gave it.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, Depth*os.Getpagesize())
	return os.NewFile(uintptr(fds[1]), "pipe send"), os.NewFile(uintptr(fds[0]), "pipe receive"), nil
}

func newPort(f *os.File) kernelq.Port {
	var err error
	_ = sys.FD(f, func(fd int) error { err = check(fd); return nil }) // if f is closed, the first call fails
	if err != nil {
		f.Close()
		return kernelq.None{Err: err}
	}
	p := &port{write: sys.PipeWrite, read: sys.PipeRead}
	return kernelq.NewFD("pipe", f, p.put, p.take)
}

// check refuses anything but a pipe, since a read of something else can take as long as
// its creator likes.
func check(fd int) error {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	if kind := st.Mode & unix.S_IFMT; err == nil && kind != unix.S_IFIFO {
		return &transport.CorruptError{What: "type of a pipe", Value: uint64(kind), Limit: unix.S_IFIFO}
	}
	return nil
}

// port chooses between calls that never wait and, on older kernels, calls that are made
// only if poll says that they will not wait.
type port struct {
	write func(fd int, m []byte) error
	read  func(fd int, b []byte) (int, error)
}

func (p *port) put(fd int, m []byte) error {
	err := p.write(fd, m)
	if sys.NoSuchCall(err) {
		p.write = polledWrite
		err = p.write(fd, m)
	}
	return err
}

// take reads a packet. If the sender has hung up, the queue is empty, not at its end.
func (p *port) take(fd int, b []byte) (int, error) {
	n, err := p.read(fd, b)
	if sys.NoSuchCall(err) {
		p.read = polledRead
		n, err = p.read(fd, b)
	}
	if err == nil && n == 0 {
		return 0, unix.EAGAIN
	}
	return n, err
}

// polledWrite does not wait, since no other process writes to the pipe.
func polledWrite(fd int, m []byte) error {
	ready, err := sys.Ready(fd, unix.POLLOUT)
	if err != nil {
		return err
	}
	if !ready {
		return unix.EAGAIN
	}
	_, err = unix.Write(fd, m)
	return err
}

// polledRead does not wait, since only one process at a time reads from the pipe.
func polledRead(fd int, b []byte) (int, error) {
	ready, err := sys.Ready(fd, unix.POLLIN)
	if err != nil {
		return 0, err
	}
	if !ready {
		return 0, unix.EAGAIN
	}
	return unix.Read(fd, b)
}
