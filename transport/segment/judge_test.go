package segment

import (
	"testing"
	"time"
)

// TestCirculate: how many blocks may be out before returned ones are looked for, from how
// many on one is waited for, and which one is next.
func TestCirculate(t *testing.T) {
	for _, c := range []struct {
		class      int64
		many       bool
		look, warm int
	}{
		{leastClass, false, 16, 64}, {leastClass, true, 64, 256},
		{roundClass, false, 4, 4}, {roundClass, true, 4, 16},
	} {
		sh := makeShelf(c.class, defaultMaxBytes)
		sh.many = c.many
		if look, warm := sh.circulate(); look != c.look || warm != c.warm {
			t.Errorf("of %d bytes, many %v: %d and %d, want %d and %d", c.class, c.many, look, warm, c.look, c.warm)
		}
	}
	sh := makeShelf(roundClass, defaultMaxBytes)
	for i := range uint16(2 * sh.blocks) {
		sh.free = append(sh.free, makeID(0, i))
	}
	if at := sh.next().index(); int(at) != 2*sh.blocks-1 {
		t.Errorf("few go round, and it is not the block freed last that is next, but number %d", at)
	}
	sh.many = true // of the last 16 freed, 15 to 30, the first
	for i := range uint16(5) {
		if at := sh.next().index(); int(at) != sh.blocks-1-int(i) {
			t.Errorf("number %d is next, want %d", at, sh.blocks-1-int(i))
		}
	}
}

// TestJudge: many go round if that saves a fifth of the time, and each trial that changes
// nothing makes the rest longer, up to a bound.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		few, lots  time.Duration
		was        bool
		rest       int
		many       bool
		rests      int
		describing string
	}{
		{124, 100, false, 16, false, 32, "not enough"},
		{125, 100, false, 16, false, 32, "just not enough"},
		{126, 100, false, 16, true, firstRest, "enough"},
		{126, 100, true, 16, true, 32, "still enough"},
		{124, 100, true, 16, false, firstRest, "no longer enough"},
		{100, 200, false, 16, false, 32, "slower"},
		{126, 100, true, manyRest, true, manyRest, "still, after the longest rest"},
		{100, 100, false, manyRest, false, 2 * manyRest, "still not, after a long rest"},
		{100, 100, false, mostRest, false, mostRest, "still not, after the longest rest"},
	} {
		p, _ := heapPool(PoolConfig{})
		sh := &p.shelves[p.shelfFor(roundClass)]
		sh.trial = &trial{rest: c.rest, rested: c.rest, was: c.was, usual: time.Hour}
		sh.few.add(c.few)
		sh.lots.add(c.lots)
		p.judge(sh)
		if sh.many != c.many || sh.rest != c.rests || sh.rested != 0 || sh.usual != c.few || sh.phase != resting || sh.left != sh.blocks {
			t.Errorf("%s: many %v, a rest of %d: %+v", c.describing, sh.many, sh.rest, sh.round)
		}
	}
}

// TestSlower: a rest ends early if few blocks go round, and a block takes more than twice the
// time that it took in the last trial, by the median of enough of them.
func TestSlower(t *testing.T) {
	for _, c := range []struct {
		n     int
		took  time.Duration
		usual time.Duration
		many  bool
		want  bool
	}{
		{samples, 201, 100, false, true}, {samples, 200, 100, false, false}, {samples - 1, 201, 100, false, false},
		{samples, 201, 100, true, false}, {samples, 201, 0, false, false},
	} {
		r := &round{many: c.many, trial: &trial{usual: c.usual}}
		for range c.n {
			r.lately.add(c.took)
		}
		if got := r.slower(); got != c.want || c.n == samples && r.lately.n != 0 {
			t.Errorf("%+v: %v, %d samples are left", c, got, r.lately.n)
		}
	}
}

// TestBusy: a trial is for those that use more than busyRate.
func TestBusy(t *testing.T) {
	s := newStage(t, PoolConfig{})
	sh := &s.p.shelves[s.p.shelfFor(roundClass)]
	sh.trial = &trial{rested: 125, begun: time.Second} // 500 MiB
	for after, want := range map[time.Duration]bool{time.Second - time.Millisecond: true, time.Second: false} {
		if s.clock = sh.begun + after; s.p.busy(sh) != want {
			t.Errorf("%d bytes in %v: busy is not %v", 125*manyBytes, after, want)
		}
	}
}

// TestTiming: one block that takes long says nothing.
func TestTiming(t *testing.T) {
	var m timing
	for i := range 3 * samples {
		if m.add(time.Duration(i*7%samples + 1)); i == 3 {
			m.took[i] = time.Hour
		}
		if d := m.median(); i > 3 && d > samples {
			t.Fatalf("the median of %d is %v", i+1, d)
		}
	}
	if d := m.median(); d < samples/2 || d > samples/2+2 {
		t.Errorf("the median of 1 to %d is %d", samples, d)
	}
}
