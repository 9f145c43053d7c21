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

// Silent is an actor that nobody asks anything.
type (
	Silent struct{}
	Sound  struct{ actor.Asks[Silent, int] }
)

var silent = actor.Define("silent", func(s *actor.Setup[Silent]) error {
	actor.OnAsk(s, func(*actor.Context, Sound) (int, error) { return 0, nil })
	return nil
})

// TestBytesAtRest bounds what the heap has for a child in place that nobody has
// asked. The aim is 4 KiB of resident memory, with what the allocator needs for
// itself (docs/performance.md has the figure): so it is less here.
func TestBytesAtRest(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("the race detector keeps memory of its own for each")
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	start := func(name string) {
		if _, err := supervisor.StartChild(ctx, sup, silent, supervisor.Child{Name: name, InPlace: true}); err != nil {
			t.Fatal(err)
		}
	}
	start("first") // what all share
	goroutines := runtime.NumGoroutine()
	heap := func() (least uint64) { // what only a goroutine in passing has comes and goes
		for range 5 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC() // what pools and finalizers have held
			runtime.ReadMemStats(&m)
			if least == 0 || m.HeapAlloc < least {
				least = m.HeapAlloc
			}
			runtime.Gosched()
		}
		return least
	}
	before := heap()
	const n, most = 300, 3584
	for i := range n {
		start(fmt.Sprint(i))
		for runtime.NumGoroutine() > goroutines+4 && ctx.Err() == nil {
			runtime.Gosched() // the runtime keeps something of as many as there were at a time
		}
	}
	each := func() int64 { return (int64(heap()) - int64(before)) / n }
	now := each()
	for tries := 0; now > most && tries < 100; tries++ { // not all of them rest yet
		now = each()
	}
	if now > most {
		t.Errorf("%d bytes for each, want %d at most", now, most)
	} else {
		t.Log(now, "bytes for each")
	}
}
