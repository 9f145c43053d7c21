package shared

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

var _ = helper("broadcast-waiter", func(c *testutil.Child, p *party) {
	c.Say(fmt.Sprintf("word %p", p.changed.word))
	check(p.lock.Lock(background))
	for p.Turns == 0 {
		check(p.changed.Wait(background))
	}
	p.Out++
	check(p.lock.Unlock())
})

// TestBroadcastWakes: all that sleep on a condition are woken by one Broadcast.
// They sleep until then, and are seen asleep before it, so that nobody notices
// the change by looking.
func TestBroadcastWakes(t *testing.T) {
	testutil.Audit(t)
	t.Setenv(noPause, "1")
	p := create(t)
	var all []*testutil.Proc
	for range 3 {
		c := start(t, "broadcast-waiter", p)
		word := strings.TrimSpace(c.Expect("word"))
		for begin := time.Now(); !sleepsOn(t, c.PID(), word); yield() {
			if time.Since(begin) > testutil.HangGuard {
				t.Fatal("it does not go to sleep")
			}
		}
		all = append(all, c)
	}
	check(p.lock.Lock(background))
	p.Turns = 1
	check(p.lock.Unlock())
	p.changed.Broadcast()
	ended(t, all...)
	if p.Out != 3 {
		t.Errorf("%d of 3 have seen it", p.Out)
	}
}

// sleepsOn says whether a thread of the process is in a system call whose first
// argument is that address.
func sleepsOn(t *testing.T, pid int, address string) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrPermission) {
			testutil.Refused(t, err)
		}
		if a := strings.Fields(string(b)); len(a) > 1 && a[1] == address {
			return true
		}
	}
	return len(files) == 0 // it has ended, which the caller will see
}

// TestRefusedMemfd: without memfd_create there is no such memory; the error says
// what to allow.
func TestRefusedMemfd(t *testing.T) {
	if os.Getenv("SHARED_TEST_REFUSED") != "" {
		_, err := Create("test", 4096)
		var limit *transport.LimitError
		if !errors.As(err, &limit) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(limit.Limit+limit.Remedy, "seccomp") {
			t.Errorf("%v", err)
		}
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestRefusedMemfd$")
	cmd.Env = append(os.Environ(), testutil.RefuseVar+"=memfd_create", "SHARED_TEST_REFUSED=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestRefusedMemfd") {
		t.Errorf("%v\n%s", err, out)
	}
}
