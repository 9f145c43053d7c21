package process

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAnyChildAlive: zombies do not count, stopped ones do.
func TestAnyChildAlive(t *testing.T) {
	if anyChildAlive() {
		t.Skip("another test's child is alive")
	}
	for _, stop := range []bool{false, true} {
		c := exec.Command("sleep", "1000")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if stop {
			if err := unix.Kill(c.Process.Pid, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		if !anyChildAlive() {
			t.Errorf("a child, stopped %v, is not seen", stop)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		zombie(c.Process.Pid)
		if anyChildAlive() {
			t.Error("a zombie counts as alive")
		}
		_ = c.Wait()
	}
}
