package testutil

import (
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// auditGrace is how long Audit waits at the end of a test for what is about to go:
// goroutines that return, processes that die. Only a failing test waits that long.
var auditGrace = 20 * time.Second

// ShortGrace makes Audit wait no longer than d until t has ended, for tests that leak
// on purpose.
func ShortGrace(t testing.TB, d time.Duration) {
	usual := auditGrace
	auditGrace = d
	t.Cleanup(func() { auditGrace = usual })
}

// auditPoll is the pause between two looks within auditGrace.
const auditPoll = 10 * time.Millisecond

// Audit makes the test account for what it leaves behind. Call it first: what exists now
// is allowed, and the comparison is made after every cleanup that the test registers
// later. Whatever is new then, and still there 20 seconds later, fails the test:
//
//   - goroutines, with their stacks
//   - open descriptors of this process
//   - child processes, zombies included
//   - names in /dev/shm and in a mounted /dev/mqueue that begin with understudy
//   - SysV segments that this process or one of its helpers made or attached
//     last, and SysV queues of which it was the last sender or receiver; the kernel
//     tells no more, so unused queues, and semaphores, go unnoticed
//   - SysV queues that are in the library's registry and that no process holds
//   - mappings of memfds and of files in /dev/shm
//
// A name (understudy-PID...) with the id of a living process that is neither this one nor
// one of its helpers belongs to another program and is left out. A test with Audit must
// not be parallel. Outside Linux only goroutines are compared.
func Audit(t testing.TB) {
	t.Helper()
	warmUp()
	before := inventory()
	t.Cleanup(func() {
		t.Helper()
		defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection would close files that were forgotten
		var fresh []string
		for deadline := time.Now().Add(auditGrace); ; time.Sleep(auditPoll) {
			fresh = news(before, inventory())
			if len(fresh) == 0 {
				return
			}
			if time.Now().After(deadline) {
				break
			}
		}
		t.Errorf("the test left %d things behind:\n%s", len(fresh), strings.Join(fresh, "\n"))
	})
}

// items maps the identity of each thing that exists to a description of it.
// Identities begin with the kind, so that a sorted list reads well.
type items map[string]string

// news describes what is in after but not in before, sorted by identity.
func news(before, after items) []string {
	var fresh []string
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[id]; !ok {
			fresh = append(fresh, "+ "+after[id])
		}
	}
	return fresh
}

// inventory lists everything that Audit compares.
func inventory() items {
	all := make(items)
	all.addGoroutines()
	all.addSystem()
	return all
}

// addGoroutines lists every goroutine but this one and those of the runtime and of
// package testing.
func (all items) addGoroutines() {
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	// The first one is this goroutine.
	for _, stack := range strings.Split(string(buf), "\n\n")[1:] {
		head, _, ok := strings.Cut(stack, " [")
		if ok && !ownedByTheSystem(stack) {
			all[head] = strings.TrimSpace(stack)
		}
	}
}

// ownedByTheSystem reports whether a goroutine was started by the runtime or by package
// testing, or is the one that os/signal starts once and keeps.
func ownedByTheSystem(stack string) bool {
	_, creator, ok := strings.Cut(stack, "\ncreated by ")
	if !ok {
		// Only the main goroutine has no creator.
		return true
	}
	for _, prefix := range []string{"runtime.", "testing.", "os/signal."} {
		if strings.HasPrefix(creator, prefix) {
			return true
		}
	}
	return false
}
