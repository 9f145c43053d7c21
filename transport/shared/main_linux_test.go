package shared

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

// noPause makes waiters sleep until they are woken: a wake-up that is missed
// is not made up for by a second look. It holds for a test and its helpers.
const noPause = "SHARED_TEST_NO_PAUSE"

func init() {
	if os.Getenv(noPause) != "" {
		firstPause, lastPause = time.Hour, time.Hour
	}
}

// Every test in this package that says so uses a struct like this one.
type board struct {
	Lock    MutexWord
	Free    SemaphoreWord
	Used    SemaphoreWord
	Changed CondWord
	Gate    EventWord[int64]
	Ready   EventWord[point]
	Limit   LimitWord
	A, B    int64 // equal, unless somebody is between two steps
	Turns   int64
	Slots   [8]int64
	In, Out int64
	Inside  [MaxHolders]int64
}

type point struct{ X, Y int32 }

// party is what one party has of a board.
type party struct {
	*board
	m       *Memory
	lock    *Mutex
	free    *Semaphore
	used    *Semaphore
	changed *Cond
	gate    *Event[int64]
	ready   *Event[point]
	limit   *Limit
}

const testLimit = 3

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func newParty(m *Memory) *party {
	p := &party{m: m, board: must(View[board](m, 0))}
	p.lock = must(NewMutex(m, &p.Lock))
	p.free = must(NewSemaphore(m, &p.Free))
	p.used = must(NewSemaphore(m, &p.Used))
	p.changed = must(NewCond(m, &p.Changed, p.lock))
	p.gate = must(NewEvent(m, &p.Gate))
	p.ready = must(NewEvent(m, &p.Ready))
	p.limit = must(NewLimit(m, &p.Limit, testLimit))
	return p
}

// create makes the board of a test, which is unmapped at its end.
func create(t testing.TB) *party {
	t.Helper()
	m, err := Create("test", 1<<16)
	if errors.Is(err, errors.ErrUnsupported) {
		testutil.Refused(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return newParty(m)
}

// helper registers a function that runs in a process of its own, as one more
// party, and panics with its errors.
func helper(name string, f func(c *testutil.Child, p *party)) testutil.Registration {
	return testutil.Helper(name, func(c *testutil.Child) int {
		m, err := Open(c.File(0))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		f(c, newParty(m))
		return 0
	})
}

// start runs a helper with the board.
func start(t testing.TB, name string, p *party, args ...string) *testutil.Proc {
	t.Helper()
	return testutil.Start(t, name, testutil.Spec{Args: args, Files: []*os.File{p.m.File()}})
}

// ended fails the test unless the process has ended well.
func ended(t testing.TB, ps ...*testutil.Proc) {
	t.Helper()
	for _, p := range ps {
		p.Succeeds()
	}
}

// kill ends processes and waits until they are gone.
func kill(ps ...*testutil.Proc) {
	for _, p := range ps {
		p.Kill()
		p.Wait()
	}
}

var background = context.Background()
