package shared_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport/shared"
)

// Both processes have this struct. Its zero value is ready.
type counters struct {
	Lock    shared.MutexWord
	Changed shared.CondWord
	Room    shared.SemaphoreWord
	Result  shared.EventWord[sum]
	Workers shared.LimitWord
	Steps   int64
	Numbers [4]int64
}

type sum struct{ Total, Count int64 }

// open is how the second process begins: with the descriptor that it got.
func open(c *testutil.Child) (*shared.Memory, *counters) {
	m, err := shared.Open(c.File(0))
	if err != nil {
		panic(err)
	}
	return m, view(m)
}

func create() (*shared.Memory, *counters) {
	m, err := shared.Create("counters", 4096)
	if err != nil {
		panic(err)
	}
	return m, view(m)
}

func view(m *shared.Memory) *counters {
	v, err := shared.View[counters](m, 0)
	if err != nil {
		panic(err)
	}
	return v
}

// other starts the second process. A program passes the memory's File in the
// ExtraFiles of an exec.Cmd, or over a socket.
func other(t testing.TB, name string, m *shared.Memory) *testutil.Proc {
	return testutil.Start(t, name, testutil.Spec{Files: []*os.File{m.File()}})
}

// A struct that two processes read and write as it is.
func ExampleView() {
	testutil.Example(func(t testing.TB) {
		m, v := create()
		defer m.Close()
		v.Numbers = [4]int64{1, 2, 3, 4}
		p := other(t, "example-view", m)
		p.Expect("done")
		fmt.Println(v.Numbers)
	})
	// Output: [10 20 30 40]
}

var _ = testutil.Helper("example-view", func(c *testutil.Child) int {
	m, v := open(c)
	defer m.Close()
	for i := range v.Numbers {
		v.Numbers[i] *= 10
	}
	c.Say("done")
	return 0
})

// The owner dies in the middle of a change; the next owner is told, repairs
// the data, and goes on.
func ExampleMutex() {
	testutil.Example(func(t testing.TB) {
		m, v := create()
		defer m.Close()
		lock, err := shared.NewMutex(m, &v.Lock)
		if err != nil {
			panic(err)
		}
		p := other(t, "example-mutex", m)
		p.Expect("held")
		p.Kill()

		err = lock.Lock(context.Background())
		if errors.Is(err, shared.ErrOwnerDied) {
			fmt.Println("the owner died after", v.Steps, "of 2 steps")
			v.Steps = 2
			err = lock.MarkConsistent()
		}
		fmt.Println(v.Steps, err, lock.Unlock())
	})
	// Output:
	// the owner died after 1 of 2 steps
	// 2 <nil> <nil>
}

var _ = testutil.Helper("example-mutex", func(c *testutil.Child) int {
	m, v := open(c)
	lock, err := shared.NewMutex(m, &v.Lock)
	if err != nil {
		panic(err)
	}
	if err := lock.Lock(context.Background()); err != nil {
		panic(err)
	}
	v.Steps++
	c.Say("held")
	c.Wait("go on") // it never hears that
	v.Steps++
	return 0
})

// One process makes room, the other one waits for it.
func ExampleSemaphore() {
	testutil.Example(func(t testing.TB) {
		m, v := create()
		defer m.Close()
		room, err := shared.NewSemaphore(m, &v.Room)
		if err != nil {
			panic(err)
		}
		p := other(t, "example-semaphore", m)
		if err := room.Release(3); err != nil {
			panic(err)
		}
		fmt.Println("took", p.Expect("took"))
		fmt.Println(room.Permits(), "left")
	})
	// Output:
	// took 3
	// 0 left
}

var _ = testutil.Helper("example-semaphore", func(c *testutil.Child) int {
	m, v := open(c)
	defer m.Close()
	room, err := shared.NewSemaphore(m, &v.Room)
	if err != nil {
		panic(err)
	}
	for range 3 {
		if err := room.Acquire(context.Background()); err != nil {
			panic(err)
		}
	}
	c.Say("took ", 3)
	return 0
})

// A process waits, with the mutex given up, until the data is as it needs it.
func ExampleCond() {
	testutil.Example(func(t testing.TB) {
		m, v := create()
		defer m.Close()
		lock, _ := shared.NewMutex(m, &v.Lock)
		changed, _ := shared.NewCond(m, &v.Changed, lock)
		p := other(t, "example-cond", m)

		if err := lock.Lock(context.Background()); err != nil {
			panic(err)
		}
		for v.Steps < 3 {
			if err := changed.Wait(context.Background()); err != nil {
				panic(err)
			}
		}
		fmt.Println("steps:", v.Steps)
		if err := lock.Unlock(); err != nil {
			panic(err)
		}
		p.Wait()
	})
	// Output: steps: 3
}

var _ = testutil.Helper("example-cond", func(c *testutil.Child) int {
	m, v := open(c)
	defer m.Close()
	lock, _ := shared.NewMutex(m, &v.Lock)
	changed, _ := shared.NewCond(m, &v.Changed, lock)
	for range 3 {
		if err := lock.Lock(context.Background()); err != nil {
			panic(err)
		}
		v.Steps++
		changed.Signal()
		if err := lock.Unlock(); err != nil {
			panic(err)
		}
	}
	return 0
})

// A result that is there once, for everybody who asks before or after.
func ExampleEvent() {
	testutil.Example(func(t testing.TB) {
		m, v := create()
		defer m.Close()
		v.Numbers = [4]int64{1, 2, 3, 4}
		result, err := shared.NewEvent(m, &v.Result)
		if err != nil {
			panic(err)
		}
		other(t, "example-event", m)
		s, err := result.Wait(context.Background())
		fmt.Println(s.Total, s.Count, err)
		fmt.Println(result.Set(sum{}))
	})
	// Output:
	// 10 4 <nil>
	// shared: the event is already set
}

var _ = testutil.Helper("example-event", func(c *testutil.Child) int {
	m, v := open(c)
	defer m.Close()
	result, err := shared.NewEvent(m, &v.Result)
	if err != nil {
		panic(err)
	}
	var s sum
	for _, n := range v.Numbers {
		s.Total, s.Count = s.Total+n, s.Count+1
	}
	if err := result.Set(s); err != nil {
		panic(err)
	}
	return 0
})

// At most one worker at a time in all processes; the dead do not count.
func ExampleLimit() {
	testutil.Example(func(t testing.TB) {
		m, v := create()
		defer m.Close()
		workers, err := shared.NewLimit(m, &v.Workers, 1)
		if err != nil {
			panic(err)
		}
		p := other(t, "example-limit", m)
		p.Expect("held")
		_, ok, err := workers.TryAcquire()
		fmt.Println("while it works:", ok, err)
		p.Kill()

		hold, err := workers.Acquire(context.Background())
		fmt.Println("after its death: slot", hold.Slot, hold.OwnerDied, err)
		fmt.Println(hold.Release(), workers.Holders())
	})
	// Output:
	// while it works: false <nil>
	// after its death: slot 0 true <nil>
	// <nil> 0
}

var _ = testutil.Helper("example-limit", func(c *testutil.Child) int {
	m, v := open(c)
	workers, err := shared.NewLimit(m, &v.Workers, 1)
	if err != nil {
		panic(err)
	}
	if _, err := workers.Acquire(context.Background()); err != nil {
		panic(err)
	}
	c.Say("held")
	c.Wait("go on") // it never hears that
	return 0
})
