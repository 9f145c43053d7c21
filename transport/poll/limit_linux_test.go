package poll

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// TestLimited: a watch that the kernel refuses names the limit.
func TestLimited(t *testing.T) {
	for errno, limit := range map[unix.Errno]string{unix.ENOSPC: "fs.epoll.max_user_watches", unix.EMFILE: "RLIMIT_NOFILE"} {
		e := (*transport.LimitError)(nil)
		if err := limited(errno); !errors.As(err, &e) || e.Limit != limit || e.Value == 0 || e.Remedy == "" || !errors.Is(err, errno) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	if err := limited(unix.EPERM); !errors.Is(err, unix.EPERM) || errors.As(err, new(*transport.LimitError)) {
		t.Error(err)
	}
}
