package segment

import (
	"os"
	"runtime"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Memory that was in use a moment ago is in the caches and in the processor's
// table of addresses; a block that was not is fetched from memory, page by page.
// An owner that is ahead of its user would go through all blocks that it can get,
// each of them cold, and have more made. So a few blocks circulate: an owner who
// finds them all on their way waits for one to come back, for about as long as a
// cold one would cost. When that was in vain, the user is the slower one, and
// the owner goes on without waiting for a while.

// patient says whether waiting can pay: the user needs a processor meanwhile.
var patient atomic.Bool

func init() { SetPolling(os.Getenv("UNDERSTUDY_SPIN") != "off") }

// SetPolling lets the pools of this process poll for a block that is on its way
// back, or not, and says how it was. On one processor they never do.
func SetPolling(on bool) (was bool) { return patient.Swap(on && runtime.NumCPU() > 1) }

// The bounds of such a wait, in turns of cpu.Pause.
const (
	minTurns   = 64
	maxTurns   = 4096 // 0.1 ms, more or less
	turnPeriod = 256  // bytes of a block for each turn
	lingers    = 32   // times minTurns and a yield, before a segment is made
	wearyFor   = 64   // Takes without a wait after one that was in vain
)

// settle looks for blocks of class bytes that have come back; out are out. When
// these are warm or more, as many as should circulate, it waits for one; when
// there are more than that, for two, until there are not. Preconditions: mu is
// held.
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

// await waits for n blocks to come back. It gives up at once when the user
// sleeps. Preconditions: mu is held: others who need it want a block, or give
// one back.
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

// linger waits for a block to come back before a segment is made, which takes
// longer than it takes to wake the user.
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
