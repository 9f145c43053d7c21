package segment

import (
	"slices"
	"time"

	"github.com/understudy-go/understudy/transport"
)

// How many blocks of a class should circulate depends on what the user does with them,
// which cannot be known beforehand.
//
// If the user reads little of each block, few should circulate: then a block is still in
// the owner's cache when its turn comes again. If the user reads all of it, the block is
// in the user's cache, too, and the owner's writes have to wait, line by line, until that
// core has given the line up: a copy into such a block takes four times as long as into one
// that both caches have forgotten. Then enough blocks should circulate for both caches to
// forget each before its next turn.
//
// So a busy pool tries both from time to time, and keeps the way in which the owner comes
// sooner for the next block:
//
//	  rest     │ few      few, timed │ many      many, timed │ rest
//	───────────┴─────────────────────┴───────────────────────┴──────
//
// Each trial that changes nothing makes the next rest longer. A rest ends early if few
// circulate and the time from one block to the next, sampled once in each round, is twice
// what it was in the last trial. The blocks that a trial needs are made in the background,
// in the middle of the rest before it.
//
// Larger classes have no trials, since even few of their blocks are more than the caches
// hold; nor do smaller ones, since many of their blocks would be most of those that a pool
// can have.
const (
	manyBytes  = 4 << 20         // bytes of the blocks that circulate when many do: more than the caches of two cores hold
	leastClass = manyBytes / 256 // bytes of a block, below which there are no trials
	mostClass  = manyBytes / 16  // bytes of a block, above which there are no trials
	poolPart   = 2               // a pool of fewer bytes than this many times manyBytes has no trials
	firstRest  = 8               // length of the rest after a trial that changed something, in rounds of many blocks
	mostRest   = 1024            // a rest after a trial that changed nothing is twice as long as the last, up to this if few circulate
	manyRest   = 64              // and up to this if many do
	warmUp     = 2               // rounds of many before some are timed: blocks left alone for long are in no cache
	samples    = 15              // times taken of few and of many
	busyRate   = 500 << 20       // bytes a second; for less, a trial is not worth its memory
	gain       = 1.25            // few are worse than many if they take this many times as long
	change     = 2               // a rest ends early if few take this many times as long as in the last trial
)

type phase uint8

const (
	resting phase = iota
	glance        // takes one sample, in each round of a rest
	tryFew
	timeFew
	tryMany
	timeMany
)

// round is how the blocks of a class circulate.
type round struct {
	many   bool // many circulate: of the last blocks freed, the one that has been free longest is taken
	phase  phase
	blocks int // how many circulate if many do; 0: no trials
	left   int // Takes until the next phase
	*trial     // nil before the first phase has ended, since most pools are never much used
}

// trial is what is known of the last trial or the current one, and of the rest between.
type trial struct {
	rest   int           // length of the rest, in rounds of many blocks
	rested int           // how many of these are over
	begun  time.Duration // when the rest began
	last   time.Duration // time of the last Take, if the next one is timed
	usual  time.Duration // between two Takes when few circulate; 0: not known
	was    bool          // the value of many before the trial
	lately timing        // one sample for each round of a rest
	few    timing
	lots   timing
}

// timing holds the times from some Takes to the next ones.
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

// median returns the median of the samples. Preconditions: there is one.
func (t *timing) median() time.Duration {
	slices.Sort(t.took[:t.n])
	return t.took[t.n/2]
}

// roundOf returns the round of a class in a pool of maxBytes.
func roundOf(class, maxBytes int64) round {
	if class < leastClass || class > mostClass || maxBytes < poolPart*manyBytes {
		return round{}
	}
	n := int(manyBytes / class)
	return round{blocks: n, left: n}
}

// circulate returns how many blocks of sh may be out before Take looks for returned
// ones, and from how many on it waits for one.
func (sh *shelf) circulate() (look, warm int) {
	if sh.many {
		return sh.blocks / lookPart, sh.blocks
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
		case sh.rest == 0 || !p.busy(sh): // 0: the clock was not read when the rest began
			p.rest(sh, firstRest)
			return
		case sh.total < sh.blocks: // widen was refused and would be refused again
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

// watch times a Take, in the phases that do.
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

// slower reports whether few circulate and the time from one to the next has grown.
func (r *round) slower() bool {
	if r.lately.n < samples {
		return false
	}
	d := r.lately.median()
	r.lately.n = 0
	return !r.many && r.usual > 0 && d > change*r.usual
}

// busy reports whether sh was used at busyRate or more during this rest.
func (p *Pool) busy(sh *shelf) bool {
	bytes := float64(sh.rested*sh.blocks) * float64(sh.class)
	return bytes > busyRate*(p.now()-sh.begun).Seconds()
}

// widen makes a segment in the background if shelf k has too few blocks for many to
// circulate. Nobody waits for it: there are blocks to take, and the supervisor, which has
// to be told of it, may be slow. An error does not matter: a Take that really needs a
// segment will get it, too. Preconditions: mu is held.
func (p *Pool) widen(k int) {
	if p.widening {
		return
	}
	p.widening = true
	p.spawn(func() {
		_ = p.enlarge(k)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.widening = false
	})
}

// enlarge makes the segment of widen.
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
		return ErrDry // no room, or another goroutine was first
	}
	mem, err := p.realize(pl)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.add(pl, mem)
}

// affords reports whether shelf k can have n more blocks that nobody needs. Half of the
// bytes stay for classes that need some: blocks that circulate are never all free, so
// their segments give way to others only gradually, and those of a set of receivers not
// at all. Preconditions: mu is held.
func (p *Pool) affords(k, n int) bool {
	if p.cfg.Retire == nil || p.wanted > 0 || p.giving != nil {
		return false
	}
	r := p.room(k)
	return r.bytes-int64(n)*p.shelves[k].class >= p.cfg.MaxBytes/2 && r.blocks-n >= transport.ReturnEntries/4
}

// scarce reports whether segments of a form take space that all programs share, such as
// /dev/shm, and that must be left to those that need it.
func scarce(f Form) bool { return unsealed(f) || vouched(f) }
