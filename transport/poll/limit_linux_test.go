package poll

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
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

// TestKeys: a process may have had any number of watches.
func TestKeys(t *testing.T) {
	testutil.Audit(t)
	defer func(usual uint64) { all.last = usual }(all.last)
	for _, last := range []uint64{1<<31 - 2, 1<<32 - 2, 1<<33 - 2} {
		all.last = last
		for range 3 { // before the limit of a number of so many bits, at it, and after it
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := r.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			rang := make(chan struct{}, 1)
			watch, err := Start(raw, func() { rang <- struct{}{} })
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(w, "x")
			select {
			case <-rang:
			case <-time.After(testutil.HangGuard):
				t.Fatalf("nothing was said of watch %#x", watch.key)
			}
			if got := interests(t); len(got) != 1 || got[0]&unix.EPOLLIN != 0 {
				t.Errorf("after it was said, the kernel waits for %#x", got)
			}
			watch.Stop()
			r.Close()
			w.Close()
		}
	}
}

// interests returns what the kernel waits for. As long as that is something to read which
// nobody reads, it costs a processor.
func interests(t *testing.T) (found []uint64) {
	t.Helper()
	all.Lock()
	defer all.Unlock()
	var info []byte
	err := sys.FD(all.epoll, func(fd int) (err error) {
		info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^tfd:.* events: +([0-9a-f]+) `).FindAllSubmatch(info, -1) {
		n, err := strconv.ParseUint(string(m[1]), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, n)
	}
	return found
}
