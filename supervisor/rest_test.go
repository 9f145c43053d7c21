package supervisor_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestAtRest: children that have nothing to do have no goroutine in the root, in
// place or in processes of their own; asked by several at once, again and again
// from rest, each answers; and one is killed while it rests.
func TestAtRest(t *testing.T) {
	testutil.Descriptors(t, 256)
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 10})
	startNode(t, ctx, sup, supervisor.Child{Name: "first"}) // what all share
	before := runtime.NumGoroutine()
	const inPlace, processes = 20, 4
	var refs []actor.Ref[Node]
	for i := range inPlace + processes {
		refs = append(refs, startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint(i), InPlace: i < inPlace}))
	}
	rest := func() {
		t.Helper()
		for runtime.NumGoroutine() >= before+processes {
			if ctx.Err() != nil {
				stacks := make([]byte, 1<<16)
				t.Fatalf("%d goroutines, and %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			}
			runtime.Gosched()
		}
	}
	rest()
	for range testutil.Rounds(10, 200) {
		var wg sync.WaitGroup
		for i := range 2 * len(refs) {
			wg.Go(func() {
				if _, err := actor.Ask(ctx, refs[i/2], Who{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		rest()
	}
	for _, i := range []int{0, inPlace} {
		ch, _, err := actor.Monitor(ctx, refs[i])
		if err != nil {
			t.Fatal(err)
		}
		rest()
		if err := sup.Kill(refs[i].ID); err != nil {
			t.Fatal(err)
		}
		wait(t, ctx, ch)
		if m := who(t, ctx, refs[i]); m.Incarnation != 2 {
			t.Errorf("%+v", m)
		}
	}
}

// TestBytesAtRest bounds what the heap has for a child in place that nobody has
// asked, with the handlers of Node and what the test records of it. The figure of
// docs/performance.md is lower: this is to notice that something is made for each
// that only one in use needs.
func TestBytesAtRest(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("the race detector keeps memory of its own for each")
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	startNode(t, ctx, sup, supervisor.Child{Name: "first", InPlace: true}) // what all share
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools and finalizers have held
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const n, most = 300, 8 << 10
	for i := range n {
		startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint(i), InPlace: true})
	}
	if each := (int64(heap()) - int64(before)) / n; each > most {
		t.Errorf("%d bytes for each, want %d at most", each, most)
	} else {
		t.Log(each, "bytes for each")
	}
}
