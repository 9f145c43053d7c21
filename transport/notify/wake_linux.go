package notify

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// one is what a wake adds to the counter of an eventfd. It is not more, because poll(2)
// promises room for 1 only: a write of more may have to wait.
var one = binary.NativeEndian.AppendUint64(nil, 1)

// Check refuses a peer's descriptor to which a wake should not write. An eventfd has no
// file type; pipes, sockets and files have one, and a peer can block their writers for as
// long as it likes.
func Check(f transport.File) error {
	return sys.FD(f, func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("notify: a peer's descriptor: %w", err)
		}
		if kind := st.Mode & unix.S_IFMT; kind != 0 {
			return &transport.CorruptError{What: "type of a wake-up descriptor", Value: uint64(kind)}
		}
		return nil
	})
}

// wake wakes the process that sleeps on word or, if it gave an eventfd, on fd. Both
// forms use it: what matters is how the peer sleeps.
//
// The peer shares the open file behind fd, and may have filled its counter and made it
// blocking. So wake polls it before it writes. A full counter wakes the peer already. A
// peer that fills it between the poll and the write can still block its waker, as the
// kernel has no write to an eventfd that never waits. A futex does not have this problem.
func wake(word transport.Word, fd int) error {
	if fd < 0 {
		if _, err := sys.FutexWake(word); err != nil {
			return fmt.Errorf("notify: futex wake: %w", err)
		}
		return nil
	}
	for {
		if room, err := sys.Ready(fd, unix.POLLOUT); err == nil && !room {
			return nil
		}
		_, err := unix.Write(fd, one)
		switch err {
		case nil, unix.EAGAIN: // EAGAIN: the counter is full, so the peer is being woken already
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("notify: write to eventfd: %w", err)
		}
	}
}
