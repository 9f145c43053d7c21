package segment

import (
	"os"
	"runtime"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// A block that was in use a moment ago is in the caches and its pages in the TLB; any
// other block is cold and has to be fetched from memory. An owner that is faster than
// its user would go through all blocks that it can get, each of them cold, and have
// more made. So only a few blocks circulate: an owner that finds them all out waits for
// one to come back, for about as long as a cold one would cost. If that was in vain, the
// user is the slower one, and for a while the owner does not wait.

// patient says whether waiting can pay: the user needs another processor meanwhile.
var patient atomic.Bool

func init() { SetPolling(os.Getenv("UNDERSTUDY_SPIN") != "off") }

// SetPolling sets whether the pools of this process poll for a block that is on its way
// back, and returns the previous setting. On one processor they never do.
func SetPolling(on bool) (was bool) { return patient.Swap(on && runtime.NumCPU() > 1) }

// The bounds of such a wait, in turns of cpu.Pause.
const (
	minTurns   = 64
	maxTurns   = 4096 // about 0.1 ms
	turnPeriod = 256  // bytes of a block for each turn
	lingers    = 32   // linger waits this many times minTurns and a yield
	wearyFor   = 64   // Takes without a wait after one that was in vain
)

// settle collects returned blocks when out blocks of class bytes are out. warm is how
// many should circulate: if so many are out, settle waits until at least one has come
// back, and if more are, until two have. Preconditions: mu is held.
func (p *Pool) settle(out, warm int, class int64) {
	n := p.collect()
	need := min(out-warm+1, 2)
	switch { // need is below 1 when fewer are out
	case n >= need:
		p.weary = 0
	case p.weary > 0:
		p.weary--
	case patient.Load():
		p.await(need-n, min(max(class/turnPeriod, minTurns), maxTurns))
	}
}

// await waits for n blocks to come back. It gives up at once if the user sleeps.
// Preconditions: mu is held; whoever waits for it wants a block, too, or gives one back.
func (p *Pool) await(n int, turns int64) {
	r := &p.back
	if r.Tail == nil || r.State == nil || r.broken {
		return
	}
	for range turns {
		if n -= p.collect(); n <= 0 || r.State.Load()&transport.StateArmed != 0 {
			return
		}
		cpu.Pause(1)
	}
	p.weary = wearyFor
}

// linger waits for a block to come back before a segment is made, since making one takes
// longer than waking the user.
func (p *Pool) linger() {
	for range lingers {
		p.mu.Lock()
		stop := p.out == 0 || p.back.Tail == nil || p.collect() > 0
		p.mu.Unlock()
		if stop || !patient.Load() {
			return
		}
		cpu.Pause(minTurns)
		sys.Yield() // the user may be waiting for this core
	}
}
