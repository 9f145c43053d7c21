package supervisor_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
)

// TestKillRootOfBareFirst: the same with a child that is the first process of a PID
// namespace, where its parent has no number that could change.
func TestKillRootOfBareFirst(t *testing.T) {
	t.Setenv(bareVar, bareFirst)
	r := startRoot(t, "1")
	if r.out.Scan(); r.out.Text() == "refused" {
		t.Skip("skipped: this machine refuses a PID namespace")
	}
	if r.out.Text() != "1" || len(r.pids(t, -1)) != 2 {
		t.Fatalf("%q, want the first process of three", r.out.Text())
	}
	pids := inNamespaceOf(withEnv(r.mark)[1]) // the first is the root
	t.Cleanup(func() {
		for _, pid := range pids {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	})
	if len(pids) != 3 {
		t.Fatal(pids)
	}
	r.killBare(t, pids[0], pids)
}

// inNamespaceOf is the processes in the PID namespace of one, the oldest first.
func inNamespaceOf(pid int) (pids []int) {
	namespace := func(pid int) string {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
		return link
	}
	dirs, _ := os.ReadDir("/proc")
	for _, d := range dirs {
		if p, err := strconv.Atoi(d.Name()); err == nil && namespace(p) == namespace(pid) {
			pids = append(pids, p)
		}
	}
	slices.Sort(pids)
	return pids
}
