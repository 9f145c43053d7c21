package shared

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestWakeUps: when nobody dies, no word needs the pauses.
func TestWakeUps(t *testing.T) {
	t.Setenv(noPause, "1")
	first, last := firstPause, lastPause
	firstPause, lastPause = time.Hour, time.Hour
	defer func() { firstPause, lastPause = first, last }()
	t.Run("mutex", TestMutexExcludes)
	t.Run("semaphore", TestSemaphore)
	t.Run("cond", TestCond)
	t.Run("event", TestEvent)
	t.Run("limit", TestLimit)
}

// TestSemaphore: two semaphores make a ring of slots that one process fills
// and two empty; nothing is lost or read twice.
func TestSemaphore(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	check(p.free.Release(len(p.Slots)))
	const items = 3000
	ps := []*testutil.Proc{start(t, "taker", p), start(t, "taker", p)}
	for i := range items {
		check(p.free.Acquire(background))
		p.Slots[i%len(p.Slots)] = int64(i + 1)
		check(p.used.Release(1))
	}
	for range ps { // one end for each
		check(p.free.Acquire(background))
		i := items % len(p.Slots)
		p.Slots[i] = 0
		check(p.used.Release(1))
	}
	// A taker that meets its end leaves it in the ring for the other.
	sum, n := 0, 0
	for _, c := range ps {
		n += must(strconv.Atoi(c.Expect("n")))
		sum += must(strconv.Atoi(c.Expect("sum")))
	}
	ended(t, ps...)
	if n != items || sum != items*(items+1)/2 {
		t.Errorf("%d items with sum %d; want %d, %d", n, sum, items, items*(items+1)/2)
	}
}

var _ = helper("taker", func(c *testutil.Child, p *party) {
	n, sum := 0, int64(0)
	for {
		check(p.used.Acquire(background))
		check(p.lock.Lock(background)) // the order of the takers
		v := p.Slots[p.Turns%int64(len(p.Slots))]
		if v != 0 {
			p.Turns++
		}
		check(p.lock.Unlock())
		check(p.free.Release(1))
		if v == 0 {
			break
		}
		n, sum = n+1, sum+v
	}
	c.Say("n", n)
	c.Say("sum", sum)
})

// TestSemaphoreBounds: permits are counted, a context ends a wait, and a dead
// sleeper takes nobody's wake-up away.
func TestSemaphoreBounds(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	if p.used.TryAcquire() {
		t.Error("a permit out of nothing")
	}
	var limit *LimitError
	if err := p.used.Release(MaxPermits); err != nil {
		t.Error(err)
	}
	if err := p.used.Release(1); !errors.As(err, &limit) || p.used.Permits() != MaxPermits {
		t.Error(err, p.used.Permits())
	}
	if p.used.Release(-1) == nil || p.used.Release(0) != nil || p.used.Permits() != MaxPermits {
		t.Error(p.used.Permits())
	}
	ctx, cancel := context.WithCancel(background)
	got := make(chan error)
	go func() { got <- p.free.Acquire(ctx) }()
	for p.Free.state.Load() != waiting {
		yield()
	}
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var ps []*testutil.Proc
	for range 3 {
		c := start(t, "acquirer", p)
		c.Expect("going")
		ps = append(ps, c)
	}
	kill(ps[0])
	check(p.free.Release(2))
	ended(t, ps[1:]...)
	if p.free.Permits() != 0 {
		t.Error(p.free.Permits())
	}
}

var _ = helper("acquirer", func(c *testutil.Child, p *party) {
	c.Say("going")
	check(p.free.Acquire(background))
})

// TestCond: processes pass a number around, each waiting for its turn.
func TestCond(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	const processes, turns = 3, 100
	var ps []*testutil.Proc
	for i := range processes {
		ps = append(ps, start(t, "turner", p, strconv.Itoa(i)))
	}
	ended(t, ps...)
	if p.Turns != processes*turns {
		t.Errorf("%d turns, want %d", p.Turns, processes*turns)
	}
}

var _ = helper("turner", func(c *testutil.Child, p *party) {
	me := int64(must(strconv.Atoi(c.Args[0])))
	for range 100 {
		check(p.lock.Lock(background))
		for p.Turns%3 != me {
			check(p.changed.Wait(background))
		}
		p.Turns++
		check(p.lock.Unlock())
		p.changed.Broadcast()
	}
})

// TestCondSignal: one signal an item wakes enough, also when who was woken is
// killed before it has done anything.
func TestCondSignal(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	for range testutil.Rounds(5, 100) {
		var ps []*testutil.Proc
		for range 3 {
			c := start(t, "consumer", p)
			c.Expect("going")
			ps = append(ps, c)
		}
		check(p.relock(p.lock.Lock(background)))
		p.In += 2
		check(p.lock.Unlock())
		p.changed.Signal()
		ps[0].Kill() // perhaps it is the one, perhaps it has taken an item already
		p.changed.Signal()
		ps[0].Wait()
		check(p.relock(p.lock.Lock(background)))
		p.In = 2 // what the victim has taken comes again
		check(p.lock.Unlock())
		p.changed.Broadcast()
		ended(t, ps[1:]...)
		p.In = 0
	}
}

// relock accepts a mutex from the dead: the data of these tests is one number.
func (p *party) relock(err error) error {
	if errors.Is(err, ErrOwnerDied) {
		return p.lock.MarkConsistent()
	}
	return err
}

var _ = helper("consumer", func(c *testutil.Child, p *party) {
	check(p.relock(p.lock.Lock(background)))
	c.Say("going")
	for p.In == 0 {
		check(p.relock(p.changed.Wait(background)))
	}
	p.In--
	check(p.lock.Unlock())
})

// TestCondContext: the end of a context ends the wait with the mutex held, and
// a condition without a held mutex is a mistake.
func TestCondContext(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	p.changed.Signal() // nobody waits
	p.changed.Broadcast()
	if err := p.changed.Wait(background); !errors.Is(err, ErrNotOwner) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(background)
	check(p.lock.Lock(background))
	got := make(chan error)
	go func() { got <- p.changed.Wait(ctx) }()
	for p.Lock.state.Load() != 0 {
		yield()
	}
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	check(p.lock.Unlock()) // it is held
}

// TestCondOwnerDied: a death in the critical section reaches who comes back
// from a wait.
func TestCondOwnerDied(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	check(p.lock.Lock(background))
	got := make(chan error)
	go func() { got <- p.changed.Wait(background) }()
	for p.Lock.state.Load() != 0 {
		yield()
	}
	c := start(t, "holder", p)
	c.Expect("held")
	p.changed.Broadcast()
	kill(c)
	if err := <-got; !errors.Is(err, ErrOwnerDied) {
		t.Error(err)
	}
	check(p.lock.MarkConsistent())
	check(p.lock.Unlock())
}

// TestEvent: of many processes that set, one wins, and all who wait get the
// winner's value.
func TestEvent(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	if _, ok := p.ready.Get(); ok {
		t.Error("set at birth")
	}
	var waiters, setters []*testutil.Proc
	for i := range 2 {
		waiters = append(waiters, start(t, "event-waiter", p))
		setters = append(setters, start(t, "event-setter", p, strconv.Itoa(i+1)))
	}
	for _, c := range setters {
		c.Send("go")
	}
	v, err := p.ready.Wait(background)
	if err != nil || v.X < 1 || v.X > 2 || v.Y != -v.X {
		t.Fatal(v, err)
	}
	won := 0
	for _, c := range setters {
		won += must(strconv.Atoi(c.Expect("won")))
	}
	if won != int(v.X) {
		t.Errorf("%d says that it won, the value is of %d", won, v.X)
	}
	for _, c := range waiters {
		if got := c.Expect("got"); got != strconv.Itoa(int(v.X)) {
			t.Errorf("a waiter got %s, this process %d", got, v.X)
		}
	}
	ended(t, slices.Concat(waiters, setters)...)
	if err := p.ready.Set(point{}); !errors.Is(err, ErrAlreadySet) {
		t.Error(err)
	}
}

var _ = helper("event-waiter", func(c *testutil.Child, p *party) {
	c.Say("got", must(p.ready.Wait(background)).X)
})

var _ = helper("event-setter", func(c *testutil.Child, p *party) {
	n := int32(must(strconv.Atoi(c.Args[0])))
	c.Wait("go")
	switch err := p.ready.Set(point{n, -n}); {
	case err == nil:
		c.Say("won", n)
	case errors.Is(err, ErrAlreadySet):
		c.Say("won", 0)
	default:
		panic(err)
	}
})

// TestEventSetterDied: a setter that dies in Set has not set, and does not
// keep others from it; its half-written value is seen by nobody.
func TestEventSetterDied(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	c := start(t, "event-victim", p)
	c.Expect("writing")
	if _, ok := p.ready.Get(); ok {
		t.Error("half a value was read")
	}
	if err := p.ready.Set(point{3, 4}); !errors.Is(err, ErrAlreadySet) {
		t.Error("two set at once:", err)
	}
	got := make(chan point)
	go func() { got <- must(p.ready.Wait(background)) }()
	kill(c)
	check(p.ready.Set(point{3, 4}))
	if v := <-got; v != (point{3, 4}) {
		t.Error(v)
	}
}

// event-victim stops in the middle of Set: these are its steps.
var _ = helper("event-victim", func(c *testutil.Child, p *party) {
	if !p.Ready.state.CompareAndSwap(0, p.m.party) {
		panic("set already")
	}
	p.Ready.value.X = 1
	c.Say("writing")
	c.Wait("never said")
})

// TestEventContext: the end of a context ends the wait.
func TestEventContext(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := p.gate.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var heap int // ordered by the event, for the race detector too
	var wg sync.WaitGroup
	wg.Go(func() {
		if v, err := p.gate.Wait(background); err != nil || int(v) != heap {
			t.Error(v, heap, err)
		}
	})
	heap = 7
	check(p.gate.Set(7))
	wg.Wait()
}

// TestLimit: never more holders than the limit, each with a slot of its own.
func TestLimit(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	var ps []*testutil.Proc
	for range testLimit + 2 {
		ps = append(ps, start(t, "worker", p))
	}
	ended(t, ps...)
	if n := p.limit.Holders(); n != 0 {
		t.Errorf("%d holders when all have ended", n)
	}
}

var _ = helper("worker", func(c *testutil.Child, p *party) {
	for range 300 {
		h := must(p.limit.Acquire(background))
		if h.OwnerDied || h.Slot < 0 || h.Slot >= testLimit {
			panic("no such slot, or nobody died")
		}
		if p.Inside[h.Slot]++; p.Inside[h.Slot] != 1 {
			panic("two holders of one slot")
		}
		p.Inside[h.Slot]--
		check(h.Release())
		if err := h.Release(); err == nil {
			panic("given back twice") // nobody else of this process holds one
		}
	}
})

// TestLimitReleasedTwice: a slot that was given back, and taken again, is not given
// back by whoever had it before.
func TestLimitReleasedTwice(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	first := must(p.limit.Acquire(background))
	check(first.Release())
	second := must(p.limit.Acquire(background))
	if first.Slot != second.Slot {
		t.Fatal(first, second)
	}
	if err := first.Release(); !errors.Is(err, ErrNotOwner) {
		t.Errorf("%v", err)
	}
	if n := p.limit.Holders(); n != 1 {
		t.Errorf("%d holders", n)
	}
	check(second.Release())
}

// TestLimitHolderDied: what the dead held comes back, at once when the next
// one asks, and to one who waits already.
func TestLimitHolderDied(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	for i := range testutil.Rounds(10, 300) {
		var ps []*testutil.Proc
		for range testLimit {
			c := start(t, "keeper", p)
			c.Expect("held")
			ps = append(ps, c)
		}
		if _, ok, err := p.limit.TryAcquire(); ok || err != nil {
			t.Fatal("one over the limit:", ok, err)
		}
		got := make(chan Hold)
		wait := func() { got <- must(p.limit.Acquire(background)) }
		if i%2 == 0 {
			go wait()
			for p.Limit.bell.Load()&1 == 0 {
				yield()
			}
			kill(ps[i%testLimit])
		} else {
			kill(ps[i%testLimit])
			go wait()
		}
		if h := <-got; !h.OwnerDied {
			t.Fatal("it got a slot that nobody died with")
		} else {
			check(h.Release())
		}
		kill(ps...)
		var hs []Hold
		for range testLimit {
			hs = append(hs, must(p.limit.Acquire(background)))
		}
		for _, h := range hs {
			check(h.Release())
		}
	}
}

var _ = helper("keeper", func(c *testutil.Child, p *party) {
	must(p.limit.Acquire(background))
	c.Say("held")
	c.Wait("never said")
})

// TestLimitBounds: the number is the first party's, and within bounds.
func TestLimitBounds(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	var limit *LimitError
	for _, n := range []int{0, -1, MaxHolders + 1, testLimit + 1} {
		if _, err := NewLimit(p.m, &p.Limit, n); !errors.As(err, &limit) {
			t.Errorf("%d holders: %v", n, err)
		}
	}
	var hs []Hold
	for range testLimit {
		hs = append(hs, must(p.limit.Acquire(background)))
	}
	ctx, cancel := context.WithCancel(background)
	got := make(chan error)
	go func() {
		_, err := p.limit.Acquire(ctx)
		got <- err
	}()
	for p.Limit.bell.Load()&1 == 0 {
		yield()
	}
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, h := range hs {
		check(h.Release())
	}
	if err := (Hold{}).Release(); !errors.Is(err, ErrNotOwner) {
		t.Error(err)
	}
}
