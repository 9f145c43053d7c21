package process

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestKillRefused: where the calls for pidfds are refused, processes that are no
// children of this one are killed all the same.
func TestKillRefused(t *testing.T) {
	for _, refuse := range []string{"pidfd_open:ENOSYS", "pidfd_open:EPERM", "pidfd_send_signal:ENOSYS", "pidfd_send_signal:EPERM"} {
		t.Run(refuse, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^(TestFar|TestEndDescendants)$")
			cmd.Env = append(os.Environ(), testutil.RefuseVar+"="+refuse)
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Count(string(out), "--- PASS: ") != 2 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestEndDescendants: a child is dead at once.
func TestEndDescendants(t *testing.T) {
	if anyChildAlive() {
		t.Skip("another test's child is alive")
	}
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	EndDescendants()
	if anyChildAlive() {
		t.Error("a child is alive")
		_ = c.Process.Kill()
	}
	_ = c.Wait()
	if got := c.ProcessState.Sys().(syscall.WaitStatus); !got.Signaled() {
		t.Errorf("%v", c.ProcessState)
	}
}
