package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// passageBuffer bounds the contents of a passage: about 30 packets of up to MaxFiles
// descriptors each.
const passageBuffer = 16 << 10

// passageHeader is the size of a packet: u64 ticket, u32 number of descriptors.
const passageHeader = 12

// NewPassage makes a passage. It returns the entrance, and the exit to be passed on.
func NewPassage() (*Passage, *os.File, error) {
	a, b, err := Pair()
	if err != nil {
		return nil, nil, err
	}
	err = sys.FD(a, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, passageBuffer) })
	if err != nil {
		a.Close()
		b.Close()
		return nil, nil, fmt.Errorf("sock: bound of a passage: %w", err)
	}
	return &Passage{f: a}, b, nil
}

// OpenPassage opens the exit of a passage. It takes ownership of f, also when it fails.
func OpenPassage(f *os.File) (*Passage, error) {
	err := sys.FD(f, func(fd int) error {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		if err == nil && n != unix.SOCK_SEQPACKET {
			err = unix.EPROTOTYPE
		}
		return err
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("sock: not a passage: %w", err)
	}
	return &Passage{f: f}, nil
}

// Put sends files in one packet with this ticket; tickets must grow. The files stay the
// caller's. Put fails with ErrFull if too many are on their way in this passage, and
// with a *transport.LimitError if too many are on their way between all processes of
// the user. It does not block.
func (p *Passage) Put(ticket uint64, files []*os.File) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("sock: %d files are over the limit of %d a packet", len(files), MaxFiles)
	}
	var b [passageHeader]byte
	binary.LittleEndian.PutUint64(b[:], ticket)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(files)))
	open := make([]transport.File, len(files))
	for i, f := range files {
		open[i] = f
	}
	return withFDs(open, nil, func(fds []int) error {
		return sys.FD(p.f, func(fd int) error {
			return sendError(sendmsg(uintptr(fd), b[:], unix.UnixRights(fds...)))
		})
	})
}

// Take receives the n files of a ticket, close-on-exec, and closes those of earlier
// tickets, which nobody will ask for. It fails with ErrNoFiles if they are not there. If
// this process is out of descriptors, it closes the files and fails with a
// *TruncatedError that names RLIMIT_NOFILE. It does not block.
func (p *Passage) Take(ticket uint64, n int) (files []*os.File, err error) {
	err = sys.FD(p.f, func(fd int) error {
		at, err := skip(fd, ticket)
		if err != nil {
			return err
		}
		if at != ticket {
			return fmt.Errorf("%w: ticket %d, the next is %d", ErrNoFiles, ticket, at)
		}
		files, err = takePacket(fd, n)
		return err
	})
	return files, err
}

// Drop closes the files of this ticket and of all before it. f is the exit.
func Drop(f transport.File, ticket uint64) error {
	err := sys.FD(f, func(fd int) error {
		_, err := skip(fd, ticket+1)
		return err
	})
	if errors.Is(err, ErrNoFiles) {
		return nil
	}
	return err
}

// maxSkip bounds how many packets one call closes, so that a sender that keeps sending
// cannot hold up its receiver.
const maxSkip = 1 << 12

// skip closes packets until the next one has this ticket or a later one, which it
// returns. The descriptors of a packet that is read without room for a control message
// are closed by the kernel and never enter this process.
func skip(fd int, ticket uint64) (at uint64, err error) {
	for range maxSkip {
		if at, err = look(fd, unix.MSG_PEEK); err != nil || at >= ticket {
			return at, err
		}
		if sys.Briefly(func() { _, err = look(fd, 0) }); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%w: %d packets came before", ErrNoFiles, maxSkip)
}

// look reads the ticket of the next packet.
func look(fd, flags int) (uint64, error) {
	var b [passageHeader]byte
	n, _, _, err := recvmsg(uintptr(fd), b[:], nil, flags)
	switch {
	case err == unix.EAGAIN || err == nil && n == 0:
		return 0, ErrNoFiles
	case err != nil:
		return 0, fmt.Errorf("sock: receive files: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// takePacket receives the next packet, which must have n descriptors.
func takePacket(fd, n int) ([]*os.File, error) {
	var b [passageHeader]byte
	oob := make([]byte, unix.CmsgSpace(most*4))
	_, oobn, flags, err := recvmsg(uintptr(fd), b[:], oob, 0)
	if err != nil {
		return nil, fmt.Errorf("sock: receive files: %w", err)
	}
	fds, err := parseFiles(oob[:oobn])
	switch {
	case err != nil:
		err = fmt.Errorf("sock: control message: %w", err)
	case flags&unix.MSG_CTRUNC != 0:
		err = cutOff(len(fds), nil)
	case len(fds) != n || binary.LittleEndian.Uint32(b[8:]) != uint32(n):
		err = &transport.CorruptError{What: "files of a packet", Value: uint64(len(fds)), Limit: uint64(n)}
	}
	if err != nil {
		closeAll(fds)
		return nil, err
	}
	files := make([]*os.File, n)
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "received")
	}
	return files, nil
}
