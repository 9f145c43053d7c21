package notify

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// one is the counter that a wake adds to an eventfd, in any byte order not 0.
var one = [8]byte{1, 1, 1, 1, 1, 1, 1, 1}

// wake wakes the process that sleeps on word, or behind fd when it gave one.
// Both forms use it: what matters is how the peer sleeps.
func wake(word transport.Word, fd int) error {
	if fd < 0 {
		if _, err := sys.FutexWake(word); err != nil {
			return fmt.Errorf("notify: futex wake: %w", err)
		}
		return nil
	}
	for {
		_, err := unix.Write(fd, one[:])
		switch err {
		case nil, unix.EAGAIN: // EAGAIN: the counter is full, so the peer is being woken already
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("notify: write to eventfd: %w", err)
		}
	}
}
