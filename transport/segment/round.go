package segment

import (
	"slices"
	"time"

	"github.com/understudy-go/understudy/transport"
)

// How many blocks of a class should go round depends on what their user does with
// them, which nobody can tell. Of blocks of which it reads little, few: when the turn of
// one comes again it is in the owner's cache, as the owner has left it. One that the user
// reads throughout is in the user's cache, too, and who writes into a line that another
// core has waits until that has given it up, for each line: a copy into such a block takes
// four times as long as into one that both caches have forgotten. Of these as many shall
// go round as that takes. So a pool that is much used tries both, now and then, and keeps
// to that with which its owner comes sooner for the next block:
//
//	  rest     │ few      few, timed │ many      many, timed │ rest
//	───────────┴─────────────────────┴───────────────────────┴──────
//
// A rest is longer the more trials have changed nothing. It ends early when few go round
// and the time from one block to the next, which is looked at once in each round, is twice
// what it was in the last trial. What a trial needs of blocks is made aside, in the middle
// of the rest before.
//
// Of larger classes even few blocks are more than the caches hold, and many of a smaller
// one would be most of the blocks that a pool can have.
const (
	manyBytes  = 4 << 20         // of blocks, if many go round: the caches of two cores hold less
	leastClass = manyBytes / 256 // bytes of a block, below which there are no trials
	mostClass  = manyBytes / 16  // and over which there are none
	poolPart   = 2               // a pool of less than so many times manyBytes has none
	firstRest  = 8               // rounds of many blocks until the next trial, when one has changed something
	mostRest   = 1024            // after each that has not, twice as many as before, up to these if few go round
	manyRest   = 64              // and these if many do
	warmUp     = 2               // rounds of many before some are timed: those left alone for long are in no cache
	samples    = 15              // times that are taken of each
	busyRate   = 500 << 20       // bytes a second; for less, a trial is not worth its memory
	gain       = 1.25            // times as long as with many must it take with few, for these to be worse
	change     = 2               // times as long as in the last trial, to end a rest early
)

type phase uint8

const (
	resting phase = iota
	glance        // at one block, each round of a rest
	tryFew
	timeFew
	tryMany
	timeMany
)

// round is how the blocks of a class go round.
type round struct {
	many   bool // the one that is free for longest is taken first, of blocks
	phase  phase
	blocks int // that go round, if many do; 0: no trials
	left   int // Takes until the next phase
	*trial     // nil before the first phase has ended: most pools are never much used
}

// trial is what is known of the last trial, of one that goes on, and of the rest between.
type trial struct {
	rest   int           // rounds of many blocks that the rest has
	rested int           // and that are over
	begun  time.Duration // when it began
	last   time.Duration // Take, if the next one is timed
	usual  time.Duration // between two Takes, with few; 0: not known
	was    bool          // many, before the trial
	lately timing        // once in each round of a rest
	few    timing
	lots   timing
}

// timing is how long it took from some Takes to the next ones.
type timing struct {
	n    int
	took [samples]time.Duration
}

func (t *timing) add(d time.Duration) {
	if t.n < samples {
		t.took[t.n] = d
		t.n++
	}
}

// median is of what has been timed, at least once.
func (t *timing) median() time.Duration {
	slices.Sort(t.took[:t.n])
	return t.took[t.n/2]
}

func roundOf(class, maxBytes int64) round {
	if class < leastClass || class > mostClass || maxBytes < poolPart*manyBytes {
		return round{}
	}
	n := int(manyBytes / class)
	return round{blocks: n, left: n}
}

// circulate is how many blocks of sh may be out before Take looks for ones that
// came back, and from how many on it waits for one.
func (sh *shelf) circulate() (look, warm int) {
	if sh.many {
		return max(minWarm, sh.blocks/lookPart), sh.blocks
	}
	return sh.look, sh.warm
}

// next takes a block off the shelf, which is not empty.
func (sh *shelf) next() freeID {
	i := len(sh.free) - 1
	if sh.many {
		i = max(0, len(sh.free)-sh.blocks)
	}
	id := sh.free[i]
	sh.free = append(sh.free[:i], sh.free[i+1:]...)
	return id
}

// turn ends a phase of shelf k and begins the next. Preconditions: mu is held.
func (p *Pool) turn(k int) {
	sh := &p.shelves[k]
	switch sh.phase {
	case resting:
		if sh.trial == nil {
			sh.trial = new(trial)
		}
		sh.left, sh.last = 1, p.now()
	case glance:
		sh.rested++
		over := sh.rested >= sh.rest || sh.slower()
		if sh.rested == sh.rest/2 && sh.total < sh.blocks && p.busy(sh) {
			p.widen(k)
		}
		switch {
		case !over:
			sh.phase, sh.left = resting, sh.blocks
			return
		case sh.rest == 0 || !p.busy(sh): // 0: the clock has not been looked at
			p.rest(sh, firstRest)
			return
		case sh.total < sh.blocks: // what was refused will be refused again
			p.rest(sh, min(2*sh.rest, mostRest))
			return
		}
		sh.was, sh.many, sh.few.n, sh.lots.n = sh.many, false, 0, 0
		sh.left = sh.look + sh.warm
	case timeFew:
		sh.many = true
		sh.left = warmUp * sh.blocks
	case tryFew, tryMany:
		sh.left, sh.last = samples, p.now()
	case timeMany:
		p.judge(sh)
		return
	}
	sh.phase++
}

// watch is told of a Take in a phase that is no rest.
func (p *Pool) watch(sh *shelf) {
	t := &sh.lately
	switch sh.phase {
	case timeFew:
		t = &sh.few
	case timeMany:
		t = &sh.lots
	case tryFew, tryMany:
		return
	}
	now := p.now()
	t.add(now - sh.last)
	sh.last = now
}

// judge ends a trial.
func (p *Pool) judge(sh *shelf) {
	sh.usual = sh.few.median()
	sh.many = float64(sh.usual) > gain*float64(sh.lots.median())
	switch {
	case sh.many != sh.was:
		p.rest(sh, firstRest)
	case sh.many:
		p.rest(sh, min(2*sh.rest, manyRest))
	default:
		p.rest(sh, min(2*sh.rest, mostRest))
	}
}

// rest makes sh rest for so many rounds.
func (p *Pool) rest(sh *shelf, rounds int) {
	sh.phase, sh.left, sh.rest, sh.rested, sh.begun, sh.lately.n = resting, sh.blocks, rounds, 0, p.now(), 0
}

// slower says whether few go round and it takes longer to fill them than it did.
func (r *round) slower() bool {
	if r.lately.n < samples {
		return false
	}
	d := r.lately.median()
	r.lately.n = 0
	return !r.many && r.usual > 0 && d > change*r.usual
}

// busy says whether the rest of sh, which ends now, was short.
func (p *Pool) busy(sh *shelf) bool {
	bytes := float64(sh.rested*sh.blocks) * float64(sh.class)
	return bytes > busyRate*(p.now()-sh.begun).Seconds()
}

// widen makes a segment, when shelf k has too few blocks for many to go round. Nobody
// waits for it, as there are blocks for whoever takes one: the supervisor, which has to
// hear of it, may be slow. What is refused here nobody needs: who does will be told.
// Preconditions: mu is held.
func (p *Pool) widen(k int) {
	if p.widening {
		return
	}
	p.widening = true
	p.aside(func() {
		_ = p.enlarge(k)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.widening = false
	})
}

// enlarge makes the segment.
func (p *Pool) enlarge(k int) error {
	if !p.ample() {
		return ErrDry
	}
	p.grow.Lock()
	defer p.grow.Unlock()
	p.mu.Lock()
	var pl *plan
	sh := &p.shelves[k]
	if n := sh.blocks - sh.total; n > 0 && !p.closed.Load() && p.affords(k, n) {
		pl = p.plan(k, n)
	}
	p.mu.Unlock()
	if pl == nil {
		return ErrDry // or another goroutine was here
	}
	mem, err := p.realize(pl)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.add(pl, mem)
}

// affords says whether shelf k can have n more blocks that nobody needs. Half of the bytes
// stays for those who need some: blocks that go round are never all free, and their
// segments make way for others only by and by, and those of a set of receivers not even
// so. Preconditions: mu is held.
func (p *Pool) affords(k, n int) bool {
	if p.cfg.Retire == nil || p.wanted > 0 || p.giving != nil {
		return false
	}
	r := p.room(k)
	return r.bytes-int64(n)*p.shelves[k].class >= p.cfg.MaxBytes/2 && r.blocks-n >= transport.ReturnEntries/4
}

// scarce says whether segments of a form share a space of their own with everybody, such
// as /dev/shm, which has to be left to those who need it.
func scarce(f Form) bool { return unsealed(f) || vouched(f) }
