package node

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/segment"
)

// spinner decides whether polling before sleeping pays. Both sides of a lane have one,
// and polling pays only while both poll: so one side tries, and the other joins when it
// sees that the first is awake.
//
// A poll pays when it finds something soon. The cost of the others is measured, and there
// is no further poll for 32 times as long: so they cost 3 % at most, and less the longer
// none pays. Between polls the core is offered to others, in case the peer waits for it.
// If somebody takes it, polling does not pay: if it was the peer, it will find another
// core when this side sleeps; if it was other work, it keeps the core for milliseconds.
// So offers have their own account, and while that is in debt, polls are short and offer
// nothing.
//
// A process that has waited for a stream to begin has made debts. Sleeps that end so soon
// that polling would have found the message show that it has begun: enough of them bring
// an early try, and twice as many the next one, until polling pays.
//
// A peer that wakes this side from the core on which it then runs shares that core with
// it, and polling cannot pay there. A kernel may leave both there although another core
// is idle: so this side goes to another core, and polls. That has an account, too: if it
// does not help, more processes are busy than there are cores.
type spinner struct {
	*clock
	score  atomic.Int32 // above zero: polling has found something lately; the holder of the role writes it
	skips  int32        // sleeps without polling since the last try
	briefs int32        // sleeps in a row so short that polling would have found what ended them
	proof  int32        // how many of them bring an early try
	polls  account      // of polls that found nothing soon
	joins  account      // of polls that joined others and found nothing soon
	offers account      // of offers of the core that other work has taken
	moves  account      // of moves to another core
}

// clock is all that a spinner knows of the world; tests replace it.
type clock struct {
	now   func() time.Time
	offer func() // offers the core to other work
	move  func() // moves to another core
}

var realClock = &clock{time.Now, func() {
	if oneProc() {
		runtime.Gosched()
	}
	notify.Yield()
}, func() { notify.LeaveCPU() }}

// account counts wasted time.
type account struct {
	debt time.Duration // since it last paid
	even time.Time     // no further attempt before that
}

func (a *account) charge(now time.Time, cost time.Duration) {
	a.debt = min(a.debt+cost, maxDebt)
	a.even = now.Add(wait * a.debt)
}

// The bounds of polling.
const (
	burst     = 64                     // polls between two looks at the other bells
	bursts    = 16                     // between two looks at the clock, and two offers, where a poll looks at one place
	roundTime = 10 * time.Microsecond  // what that takes, about
	spinTime  = 100 * time.Microsecond // longer than a wake-up of the other side takes
	taken     = 5 * time.Microsecond   // an offer that takes longer was taken
	lost      = 200 * time.Microsecond // an offer that takes longer was taken by other work
	lostCost  = 3                      // times that is charged: the kernel deducts it from what this process may use later
	glances   = 512                    // polls before the role is taken, likewise
	maxScore  = 16
	paid      = 8  // score that says that polling pays
	missCost  = 4  // hits that make up for one miss
	retry     = 32 // sleeps after which polling is tried again, if that is due
	wait      = 32 // times the debt has to pass before the next try
	minProof  = 32 // short sleeps that bring an early try
	maxProof  = 8192
	moveTime  = 50 * time.Microsecond // the least cost of a move
	calm      = 20 * time.Millisecond // so long without a reason to move shows that the last one has helped
	maxDebt   = 20 * time.Millisecond
)

// polls says whether waits may poll. Polling is for a peer on another core.
// UNDERSTUDY_SPIN=off is for programs that would rather sleep.
var polls atomic.Bool

func init() { SetPolling(os.Getenv("UNDERSTUDY_SPIN") != "off") }

// SetPolling sets whether waits of this process, including those for blocks, poll before
// they sleep, and returns the previous setting. On one processor they never do.
func SetPolling(on bool) (was bool) {
	segment.SetPolling(on)
	return polls.Swap(on && runtime.NumCPU() > 1)
}

var (
	// With one thread for Go code, another goroutine can run only if the waiter yields.
	// With more it has its own thread, and yielding would wake that thread each time.
	oneProc = func() bool { return runtime.GOMAXPROCS(0) == 1 }
)

// spinFor polls for w for a short while, if that has been worth it lately.
func (n *Node) spinFor(w waiting) bool {
	s := &n.watch.spin
	if w.poll() {
		return true
	}
	if !polls.Load() {
		return false
	}
	worth := s.worth()
	if !worth && !n.othersAwake() {
		return false
	}
	round := func() bool {
		left := max(1, bursts*burst/w.width())
		for left > 0 {
			for range min(burst, left) {
				if w.poll() {
					return true
				}
			}
			left -= burst
			n.look(w)
		}
		if n.changes.Load() != n.watch.changes {
			n.refresh()
		}
		return false
	}
	if !worth {
		return s.join(round)
	}
	return s.try(w.poll, round)
}

// othersAwake says whether a process that this one sends to or hears from is awake.
func (n *Node) othersAwake() bool {
	for _, p := range n.watch.peers {
		if p.Page.State.Load()&transport.StateArmed == 0 {
			return true
		}
	}
	for _, b := range n.watch.ins {
		if b.SenderAwake() {
			return true
		}
	}
	return false
}

// join polls for one round because another process is awake, and perhaps polls.
func (s *spinner) join(round func() bool) bool {
	if s.now().Before(s.joins.even) {
		return false
	}
	if round() {
		s.joins.debt = 0
		s.score.Store(missCost)
		return true
	}
	s.joins.charge(s.now(), roundTime)
	return false
}

// try polls in rounds. It looks at the clock only after a round that found nothing, so
// never between two sides that are awake.
func (s *spinner) try(poll, round func() bool) bool {
	if round() {
		s.hit()
		return true
	}
	begun := s.now()
	if begun.Before(s.offers.even) {
		s.miss(begun, roundTime)
		return false
	}
	for now := begun; ; {
		s.offer()
		after := s.now()
		switch d := after.Sub(now); {
		case d > lost:
			s.offers.charge(after, lostCost*d)
			s.miss(after, roundTime+after.Sub(begun))
			return false
		case d > taken && poll():
			s.miss(after, roundTime+after.Sub(begun))
			return true
		}
		s.offers.debt /= 2
		found := round()
		now = s.now()
		switch d := now.Sub(begun); {
		case found && d > spinTime/2:
			s.late()
			return true
		case found:
			return true
		case d > spinTime:
			s.miss(now, roundTime+d)
			return false
		}
	}
}

// glance polls for the actor's loop before the loop takes the waiter's role: between two
// sides that are awake the next message is there sooner than that.
func (n *Node) glance(w *loopWait) bool {
	if !polls.Load() || n.watch.spin.score.Load() <= 0 {
		return false
	}
	for range max(1, glances/w.width()) {
		if w.poll() {
			n.watch.spin.hit()
			return true
		}
	}
	return false
}

// hit records that polling has found something soon. Glances call it without the role: a
// lost count does no harm.
func (s *spinner) hit() {
	if v := s.score.Load(); v < maxScore {
		s.score.Store(v + 1)
	}
}

// late records that polling has found something only after a time in which this side
// could have slept. That happens when the other side wakes up and joins; but it should
// not happen repeatedly.
func (s *spinner) late() { s.score.Add(-1) }

// miss records that polling has cost that much and found nothing.
func (s *spinner) miss(now time.Time, cost time.Duration) {
	v := s.score.Load()
	if v >= paid {
		s.polls.debt, s.proof = 0, minProof
	}
	s.score.Store(max(v-missCost, -missCost))
	s.polls.charge(now, cost)
}

// worth says whether to poll this time.
func (s *spinner) worth() bool {
	if s.score.Load() > -missCost {
		return true
	}
	if s.skips++; s.skips < retry {
		return false
	}
	s.skips = 0
	if s.briefs >= s.proof {
		s.briefs, s.proof = 0, min(2*s.proof, maxProof)
	} else if s.now().Before(s.polls.even) {
		return false
	}
	s.score.Store(0)
	return true
}

// slept is called after a sleep, with the time at which it began. beside says whether
// this side was woken on the peer's core.
func (s *spinner) slept(begun time.Time, beside func() bool) {
	now := s.now()
	if now.Sub(begun) >= spinTime {
		s.briefs = 0
		return
	}
	s.briefs++
	if polls.Load() && !now.Before(s.moves.even) && beside() {
		s.part(now)
	}
}

// part moves to another core, and has polling tried there.
func (s *spinner) part(now time.Time) {
	if now.Sub(s.moves.even) > calm {
		s.moves.debt = 0
	}
	s.move()
	after := s.now()
	d := after.Sub(now)
	if d > lost { // other work has taken the core
		s.offers.charge(after, lostCost*d)
	} else {
		s.offers, s.skips, s.briefs = account{}, retry, s.proof
	}
	s.moves.charge(after, max(moveTime+d, s.moves.debt))
}
