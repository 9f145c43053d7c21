package notify

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// one is what a wake adds to the counter of an eventfd. It is no more: poll(2) speaks
// of room for 1, and a write of more may have to wait for it.
var one = binary.NativeEndian.AppendUint64(nil, 1)

// Check refuses a peer's descriptor that a wake would better not write to. An
// eventfd has no type among files; pipes, sockets and files have one, and their
// writers can be held up for as long as the peer likes.
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

// wake wakes the process that sleeps on word, or behind fd when it gave one.
// Both forms use it: what matters is how the peer sleeps.
//
// The open file behind fd is the peer's, too: it may have filled it and made it
// blocking. So it is looked at before it is written. A counter that is full wakes
// the peer already. A peer that fills it between the look and the write still holds up
// who wakes it: the kernel has no write to an eventfd that never waits. A futex has no
// such peer.
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
