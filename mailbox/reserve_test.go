package mailbox

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

// untilHeld collects until r holds its reserve, or no longer does.
func untilHeld(t *testing.T, r *reserve, held bool) {
	t.Helper()
	for begun := time.Now(); r.held.Load() != held; runtime.Gosched() {
		runtime.GC()
		if time.Since(begun) > testutil.HangGuard {
			t.Fatalf("held is %v still", !held)
		}
	}
}

// TestReserve: it is held when so much has come, stays while as much comes, and
// goes when a collection finds that less does.
func TestReserve(t *testing.T) {
	if reserveSize() == 0 {
		t.Skip("the memory of this process is limited, or it is not collected")
	}
	var r reserve
	for range 3 {
		for n := 0; n < reserveBytes-bulky; n += bulky {
			r.came(bulky)
		}
		if r.held.Load() {
			t.Fatal("held too early")
		}
		r.came(bulky)
		if !r.held.Load() || r.memory.Cap() < reserveSize() {
			t.Fatal("not held", r.memory.Cap())
		}
		for range 3 { // enough comes between two collections
			r.came(reserveBytes)
			runtime.GC()
			for begun, last := time.Now(), time.Now(); r.arrived.Load() != 0; runtime.Gosched() {
				if time.Since(last) > time.Second { // it began before the watch of the one before was set again
					runtime.GC()
					last = time.Now()
				}
				if time.Since(begun) > testutil.HangGuard {
					t.Fatal("the collections were not noticed")
				}
			}
			if !r.held.Load() {
				t.Fatal("given up while payloads come")
			}
		}
		untilHeld(t, &r, false)
		if r.memory.Cap() != 0 {
			t.Fatal("the memory is held still")
		}
		r.arrived.Store(0)
	}
}

// TestReserveRefused: who has limited the memory, or has switched the collector
// off, keeps what he has said.
func TestReserveRefused(t *testing.T) {
	for name, set := range map[string]func() func(){
		"limit": func() func() {
			old := debug.SetMemoryLimit(leastLimit - 1)
			return func() { debug.SetMemoryLimit(old) }
		},
		"off": func() func() {
			old := debug.SetGCPercent(-1)
			return func() { debug.SetGCPercent(old) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer set()()
			var r reserve
			for range 3 {
				r.came(reserveBytes)
			}
			if r.held.Load() || r.memory.Cap() != 0 {
				t.Fatal("held")
			}
		})
	}
	off := reserve{off: true}
	if off.came(2 * reserveBytes); off.held.Load() {
		t.Fatal("held although it is switched off")
	}
}
