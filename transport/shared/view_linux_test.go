package shared

import (
	"errors"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestViewRefuses types that mean nothing in another process, and places that
// do not fit.
func TestViewRefuses(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	m := p.m
	const free = 8192
	refused := func(want string, err error) {
		t.Helper()
		var layout *LayoutError
		if !errors.As(err, &layout) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
	err := func(_ any, err error) error { return err }
	refused(".B is a string", err(View[struct {
		A int
		B string
	}](m, free)))
	refused(".A[] is a *int", err(View[struct{ A [2]*int }](m, free)))
	refused(".S.X is a []uint8", err(View[struct{ S struct{ X []byte } }](m, free)))
	refused("map", err(View[struct{ M map[int]int }](m, free)))
	refused("func", err(View[struct{ F func() }](m, free)))
	refused("chan", err(View[chan int](m, free)))
	refused("A is a interface {}", err(View[struct{ A any }](m, free)))
	refused("uintptr", err(View[uintptr](m, free)))
	refused("atomic.Pointer", err(View[atomic.Pointer[int]](m, free)))
	refused("within one process only", err(View[struct{ M sync.Mutex }](m, free)))
	refused("no bytes", err(View[struct{}](m, free)))
	refused("multiple of 8", err(View[int64](m, free+4)))
	refused("multiple of 8", err(View[int64](m, -8)))
	refused("do not fit", err(View[[1 << 20]byte](m, 0)))
	refused("do not fit", err(View[int64](m, len(m.Bytes()))))
	refused("do not fit", err(View[int64](m, math.MaxInt&^7)))
	refused("two builds disagree", err(View[int64](m, 0)))
	refused("overlaps", err(View[int64](m, 8)))
	if last, err := View[int64](m, len(m.Bytes())-8); err != nil {
		t.Error(err)
	} else {
		*last = 5
		if m.Bytes()[len(m.Bytes())-8] != 5 {
			t.Error("the view is somewhere else")
		}
	}
}

// TestViewAgain: the same layout is the same memory, under whatever name.
func TestViewAgain(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	type sameAsPoint struct{ X, Y int32 }
	type swapped struct{ Y, X int32 }
	a, err := View[point](p.m, 8192)
	if err != nil {
		t.Fatal(err)
	}
	a.Y = 9
	b, err := View[sameAsPoint](p.m, 8192)
	if err != nil || b.Y != 9 {
		t.Error(b, err)
	}
	var layout *LayoutError
	if _, err := View[swapped](p.m, 8192); !errors.As(err, &layout) {
		t.Error("swapped fields are accepted:", err)
	}
	if _, err := View[struct{ W SemaphoreWord }](p.m, 8200); err != nil {
		t.Error(err)
	}
	if _, err := View[struct{ W CondWord }](p.m, 8200); !errors.As(err, &layout) {
		t.Error("a semaphore is accepted as a condition:", err)
	}
	var limit *LimitError
	for i := range maxViews {
		if _, err = View[int64](p.m, 16384+8*i); err != nil {
			break
		}
	}
	if !errors.As(err, &limit) {
		t.Error(err)
	}
	if _, err := View[point](p.m, 8192); err != nil {
		t.Error("a view that is recorded needs no room:", err)
	}
}

// TestViewWhileHeld: a process may be stopped in its first View. Who looks at what is recorded
// already does not wait for it.
func TestViewWhileHeld(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	other := second(t, p)
	if _, err := View[point](p.m, 8192); err != nil {
		t.Fatal(err)
	}
	lock := newMutex(p.m, &p.m.head.lock)
	if err := lock.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen, added := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := View[point](other.m, 8192)
		seen <- err
	}()
	select {
	case err := <-seen:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testutil.HangGuard / 10):
		t.Error("a view that is recorded waits")
		lock.Unlock()
		<-seen
		return
	}
	go func() {
		_, err := View[int64](other.m, 16384)
		added <- err
	}()
	for other.m.head.lock.state.Load()&waiting == 0 {
		runtime.Gosched()
	}
	lock.Unlock()
	if err := <-added; err != nil {
		t.Error(err)
	}
}

// TestViewOtherBuild: a process with another idea of the struct is told, and
// so is everybody when the process that described it died with the record's
// mutex in hand.
func TestViewOtherBuild(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	c := start(t, "recorder", p)
	c.Expect("recording")
	kill(c)
	if _, err := View[point](p.m, 8192); err != nil {
		t.Fatal(err)
	}
	ended(t, start(t, "other-build", p))
}

var _ = helper("recorder", func(c *testutil.Child, p *party) {
	check(newMutex(p.m, &p.m.head.lock).Lock(background))
	p.m.head.view[p.m.head.views.Load()].hash = 77 // half an entry
	c.Say("recording")
	c.Wait("never said")
})

var _ = helper("other-build", func(c *testutil.Child, p *party) {
	type point struct{ X, Y int64 }
	var layout *LayoutError
	if _, err := View[point](p.m, 8192); !errors.As(err, &layout) || !strings.Contains(err.Error(), "two builds disagree") {
		panic(err)
	}
})

// TestForeignWords: a word outside of the memory is refused.
func TestForeignWords(t *testing.T) {
	testutil.Audit(t)
	p, q := create(t), create(t)
	var heap board
	for name, err := range map[string]error{
		"heap":           second2(NewMutex(p.m, &heap.Lock)),
		"nil":            second2(NewMutex(p.m, nil)),
		"another memory": second2(NewSemaphore(p.m, &q.Free)),
		"cond":           second2(NewCond(p.m, &q.Changed, p.lock)),
		"event":          second2(NewEvent(p.m, &q.Ready)),
		"limit":          second2(NewLimit(p.m, &q.Limit, 1)),
		"the header":     second2(NewMutex(p.m, &p.m.head.lock)),
	} {
		if !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, b := must(NewMutex(p.m, &p.Lock)), p.lock; a != b {
		t.Error("two handles of one word: their goroutines do not queue together")
	}
}

func second2[V any](_ V, err error) error { return err }

func BenchmarkMutex(b *testing.B) {
	p := create(b)
	b.ReportAllocs()
	for b.Loop() {
		check(p.lock.Lock(background))
		p.A++
		check(p.lock.Unlock())
	}
}
