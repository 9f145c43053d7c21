package shared

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// TestMutexExcludes: processes add to a pair of numbers that only a mutex
// keeps equal.
func TestMutexExcludes(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	const processes, turns = 3, 3000
	var ps []*testutil.Proc
	for range processes {
		ps = append(ps, start(t, "adder", p))
	}
	for _, c := range ps {
		c.Send("go")
	}
	ended(t, ps...)
	if p.A != processes*turns || p.B != p.A {
		t.Errorf("%d and %d where both should be %d", p.A, p.B, processes*turns)
	}
	if w := p.Lock.state.Load(); w != 0 {
		t.Errorf("word is %#x when nobody holds it", w)
	}
}

var _ = helper("adder", func(c *testutil.Child, p *party) {
	c.Wait("go")
	for range 3000 {
		check(p.lock.Lock(background))
		p.add(0)
		check(p.lock.Unlock())
	}
})

// add is a critical section, work long.
func (p *party) add(work int) {
	if p.A != p.B {
		panic("somebody else is in the critical section")
	}
	p.A++
	for range work {
		p.Turns++
	}
	if p.A%16 == 0 {
		sys.Yield() // so that on one processor, too, others run, and kill, at this point
	}
	p.B++
}

// TestMutexGoroutines: what the mutex orders is ordered for the race detector
// too, and parties of one process exclude each other as those of several do.
func TestMutexGoroutines(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	parties := []*party{p, p, second(t, p)}
	var heap [2]int // of the first two, who share a handle
	var wg sync.WaitGroup
	for i, q := range parties {
		wg.Go(func() {
			for range 2000 {
				check(q.lock.Lock(background))
				q.add(0)
				if i < 2 {
					heap[0]++
				}
				check(q.lock.Unlock())
			}
		})
	}
	wg.Wait()
	if p.A != 6000 || p.B != 6000 || heap[0] != 4000 {
		t.Error(p.A, p.B, heap)
	}
}

// second is one more party of the same memory, in this process.
func second(t *testing.T, p *party) *party {
	t.Helper()
	m, err := Open(dup(t, p.m.File()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return newParty(m)
}

// TestOwnerDied: the next owner learns of a death in the critical section,
// once, whether it comes before or after, or waits already.
func TestOwnerDied(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	for i := range testutil.Rounds(20, 500) {
		c := start(t, "holder", p)
		c.Expect("held")
		if ok, err := p.lock.TryLock(); ok || err != nil {
			t.Fatal("TryLock of a held mutex:", ok, err)
		}
		got := make(chan error)
		if i%2 == 0 {
			go func() { got <- p.lock.Lock(background) }()
			for p.Lock.state.Load()&waiting == 0 {
				yield()
			}
			kill(c)
		} else {
			kill(c)
			go func() { got <- p.lock.Lock(background) }()
		}
		err := <-got
		var died *OwnerDiedError
		if !errors.Is(err, ErrOwnerDied) || !errors.As(err, &died) || died.PID != c.PID() || !Held(err) {
			t.Fatalf("after the death of %d: %v", c.PID(), err)
		}
		if p.A != p.B+1 {
			t.Fatal("it did not die in the critical section", p.A, p.B)
		}
		p.B = p.A
		check(p.lock.MarkConsistent())
		check(p.lock.Unlock())
		check(p.lock.Lock(background))
		check(p.lock.Unlock())
	}
}

var _ = helper("holder", func(c *testutil.Child, p *party) {
	check(p.lock.Lock(background))
	p.A++
	c.Say("held")
	c.Wait("never said")
})

// TestOwnerDiedTryLock: TryLock takes it from the dead too.
func TestOwnerDiedTryLock(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	c := start(t, "holder", p)
	c.Expect("held")
	kill(c)
	if ok, err := p.lock.TryLock(); !ok || !errors.Is(err, ErrOwnerDied) {
		t.Fatal(ok, err)
	}
	if ok, err := p.lock.TryLock(); ok || err != nil {
		t.Fatal("taken twice:", ok, err)
	}
	check(p.lock.MarkConsistent())
	check(p.lock.Unlock())
}

// TestNotRecoverable: an owner that does not repair makes the mutex unusable,
// for those who wait as well.
func TestNotRecoverable(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	c := start(t, "holder", p)
	c.Expect("held")
	kill(c)
	if err := p.lock.Lock(background); !errors.Is(err, ErrOwnerDied) {
		t.Fatal(err)
	}
	waiter := start(t, "hopeless", p)
	for p.Lock.state.Load()&waiting == 0 {
		yield()
	}
	check(p.lock.Unlock())
	ended(t, waiter)
	if err := p.lock.Lock(background); !errors.Is(err, ErrNotRecoverable) || Held(err) {
		t.Error(err)
	}
	if ok, err := p.lock.TryLock(); ok || !errors.Is(err, ErrNotRecoverable) {
		t.Error(ok, err)
	}
	if err := p.lock.Unlock(); !errors.Is(err, ErrNotOwner) {
		t.Error(err)
	}
}

var _ = helper("hopeless", func(c *testutil.Child, p *party) {
	if err := p.lock.Lock(background); !errors.Is(err, ErrNotRecoverable) {
		panic(err)
	}
})

// TestSecondDeath: the successor dies as well, before it has repaired.
func TestSecondDeath(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	first, then := start(t, "holder", p), start(t, "successor", p)
	first.Expect("held")
	then.Send("go")
	kill(first)
	then.Expect("died") // it waits for the mutex, or it comes after the death
	kill(then)
	err := p.lock.Lock(background)
	var died *OwnerDiedError
	if !errors.As(err, &died) || died.PID != then.PID() {
		t.Fatal(err)
	}
	check(p.lock.MarkConsistent())
	check(p.lock.Unlock())
}

var _ = helper("successor", func(c *testutil.Child, p *party) {
	c.Wait("go")
	if err := p.lock.Lock(background); !errors.Is(err, ErrOwnerDied) {
		panic(err)
	}
	c.Say("died")
	c.Wait("never said")
})

// TestCloseIsDeath: a party that closes its memory with the mutex held is a
// dead owner.
func TestCloseIsDeath(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	q := second(t, p)
	check(q.lock.Lock(background))
	if err := p.lock.Unlock(); !errors.Is(err, ErrNotOwner) {
		t.Error("unlocked what another holds:", err)
	}
	if err := p.lock.MarkConsistent(); !errors.Is(err, ErrNotOwner) {
		t.Error(err)
	}
	check(q.m.Close())
	check(q.m.Close())
	if err := p.lock.Lock(background); !errors.Is(err, ErrOwnerDied) {
		t.Fatal(err)
	}
	check(p.lock.MarkConsistent())
	check(p.lock.MarkConsistent())
	check(p.lock.Unlock())
}

// TestLockContext: a context ends every wait, that for the goroutines of the
// same process and that for another process.
func TestLockContext(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	c := start(t, "holder", p)
	c.Expect("held")
	boom := errors.New("boom")
	ctx, cancel := context.WithCancelCause(background)
	got := make(chan error)
	for range 3 {
		go func() { got <- p.lock.Lock(ctx) }()
	}
	for p.Lock.state.Load()&waiting == 0 {
		yield()
	}
	cancel(boom)
	for range 3 {
		if err := <-got; !errors.Is(err, boom) {
			t.Error(err)
		}
	}
	kill(c)
	// The end of the context is not looked at when the mutex can be had.
	if err := p.lock.Lock(ctx); !errors.Is(err, ErrOwnerDied) {
		t.Error(err)
	}
	check(p.lock.MarkConsistent())
	check(p.lock.Unlock())
	check(p.lock.Lock(ctx))
	check(p.lock.Unlock())
}

// TestRandomDeaths: processes that contend are killed at any instant, most of
// them in the critical section, and replaced. The survivors never see half a
// change without being told.
func TestRandomDeaths(t *testing.T) {
	testutil.Descriptors(t, 128)
	testutil.Audit(t)
	p := create(t)
	var crowd [3]*testutil.Proc
	for i := range crowd {
		crowd[i] = start(t, "busy", p)
		crowd[i].Expect("turning")
	}
	deaths, kills := 0, len(crowd)
	n := testutil.Rounds(40, 2000)
	told := 0 // the crowd
	for i := 0; i < n || deaths+told == 0 && i < max(10*n, 2000); i++ {
		at := i % len(crowd)
		kill(crowd[at])
		kills++
		crowd[at] = start(t, "busy", p)
		crowd[at].Expect("turning") // it has had the mutex: the others live on
		err := p.lock.Lock(background)
		if deaths += p.repaired(err); p.A != p.B {
			t.Fatal("half a change, and no word of it:", p.A, p.B)
		}
		told = int(p.Out)
		check(p.lock.Unlock())
	}
	kill(crowd[:]...)
	err := p.lock.Lock(background)
	deaths += p.repaired(err) + int(p.Out) // those that the crowd was told of
	t.Logf("%d critical sections, %d kills, %d deaths in a critical section were reported", p.A, kills, deaths)
	if deaths == 0 || deaths > kills {
		t.Error("no death was reported, or one twice")
	}
	check(p.lock.Unlock())
}

// repaired makes the data whole after a death, and counts it.
func (p *party) repaired(err error) int {
	if err == nil {
		return 0
	}
	if !errors.Is(err, ErrOwnerDied) {
		panic(err)
	}
	p.B = p.A
	check(p.lock.MarkConsistent())
	return 1
}

var _ = helper("busy", func(c *testutil.Child, p *party) {
	for i := 0; ; i++ {
		n := p.repaired(p.lock.Lock(background))
		p.Out += int64(n)
		p.add(500)
		check(p.lock.Unlock())
		if i == 20 {
			c.Say("turning")
		}
	}
})

func dup(t *testing.T, f *os.File) *os.File {
	t.Helper()
	g, err := dupFile(f)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
