package process

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestKillRefused: a descendant is killed also where pidfds are refused, or only to
// send a signal to one.
func TestKillRefused(t *testing.T) {
	if !testutil.Refusing(t, "pidfd_send_signal:ENOSYS", "pidfd_send_signal:EPERM", "pidfd_open:ENOSYS", "pidfd_open:EPERM") {
		return
	}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		testutil.Refused(t, err)
	}
	e, ok := processOf(cmd.Process.Pid)
	if !ok {
		t.Error("it is not found")
	}
	e.kill()
	_ = cmd.Process.Signal(syscall.SIGTERM) // one that was not killed ends by this
	var x *exec.ExitError
	if !t.Failed() && (!errors.As(cmd.Wait(), &x) || x.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
		t.Errorf("it was not killed: %v", x)
	}
}
