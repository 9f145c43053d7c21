package process

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

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

// TestBelow: descendants are found in whichever order /proc lists processes: a number
// that is used again may be lower than that of its parent.
func TestBelow(t *testing.T) {
	all := []entry{{pid: 3, parent: 9}, {pid: 4, parent: 3}, {pid: 5, parent: 1}, {pid: 6, parent: 5}, {pid: 7, parent: 4}, {pid: 8, parent: 1}, {pid: 9, parent: 8}}
	for range 2 {
		var pids []int
		for _, e := range below(8, all) {
			pids = append(pids, e.pid)
		}
		if slices.Sort(pids); !slices.Equal(pids, []int{3, 4, 7, 9}) {
			t.Errorf("%v", pids)
		}
		slices.Reverse(all)
	}
}

// TestAllNumbers: without /proc every number is tried, the likely ones first, until no
// child is left or the time is over.
func TestAllNumbers(t *testing.T) {
	self := os.Getpid()
	tried := make([]bool, maxPID+1)
	n, least, child := 0, 0, 0
	kill := func(pid int) bool {
		if tried[pid] {
			t.Fatalf("%d is tried again", pid)
		}
		if n++; n == 1 {
			least = pid
		}
		tried[pid] = true
		return n == child
	}
	left := true
	late := time.Now().Add(time.Hour)
	killChildren(kill, func() bool { return left }, late)
	if n != maxPID || tried[0] || least != self+1 {
		t.Errorf("%d numbers are tried, the first is %d; want %d and %d", n, least, maxPID, self+1)
	}
	n, child = 0, 1
	clear(tried)
	if killChildren(kill, func() bool { return left }, late); n > maxPID/2 || !tried[self+2] {
		t.Errorf("a child is found, and %d numbers are tried", n)
	}
	child = 0
	for what, f := range map[string]func(){"none is left": func() { left = false }, "it is late": func() { late = time.Now() }} {
		n, left, late = 0, true, time.Now().Add(time.Hour)
		clear(tried)
		f()
		if killChildren(kill, func() bool { return left }, late); n > 1<<10 {
			t.Errorf("%s: %d numbers are tried", what, n)
		}
	}
}
