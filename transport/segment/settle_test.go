package segment

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// TestWeary: an owner whose wait for a block was in vain waits no more until its
// user has caught up.
func TestWeary(t *testing.T) { eachPolicy(t, testWeary) }

func testWeary(t *testing.T, policy Policy) {
	defer patient.Store(patient.Swap(true))
	const class = 64 << 10
	p, _ := heapPool(PoolConfig{Policy: policy})
	r := newReturns()
	r.State = new(atomic.Uint32)
	p.Switch(r, 0)
	var out []Block
	take := func() {
		t.Helper()
		b := mustTake(t, p, class)
		p.Lent(b, uint64(len(out)))
		out = append(out, b)
	}
	for range warmFor(class) {
		take()
	}
	if p.weary > 0 {
		t.Fatal("weary of blocks that should be on their way")
	}
	take()
	weary := p.weary
	if weary == 0 {
		t.Fatal("a wait that was in vain is to be repeated at once")
	}
	giveBack(r, out[0].Ref)
	take()
	if p.weary != weary-1 {
		t.Error("one block that came back is no user that catches up")
	}
	if out[0].Ref.Index != out[len(out)-1].Ref.Index {
		t.Error("the block that came back was not the next one")
	}
	giveBack(r, out[1].Ref)
	giveBack(r, out[2].Ref)
	take()
	if p.weary != 0 {
		t.Error("weary of a user that catches up")
	}
	r.State.Store(transport.StateArmed)
	take()
	if p.weary != 0 {
		t.Error("weary of a user that sleeps, and will be woken")
	}
}

// TestAwait: a wait ends with the block, or with the user's sleep.
func TestAwait(t *testing.T) {
	p, _ := heapPool(PoolConfig{})
	r := newReturns()
	r.State = new(atomic.Uint32)
	p.Switch(r, 0)
	b := mustTake(t, p, 1)
	p.Lent(b, 1)
	await := func(turns int64) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.await(1, turns)
	}
	await(minTurns)
	if p.weary == 0 {
		t.Error("not weary of a block that nobody gives back")
	}
	const long = 1 << 40
	done := make(chan bool)
	wait := func() { await(long); done <- true }
	go wait()
	r.State.Store(transport.StateArmed)
	<-done
	r.State.Store(0)
	go wait()
	giveBack(r, b.Ref)
	<-done
	if s := p.Stats(); s.Lent != 0 {
		t.Error("the block that came back was not seen")
	}
	p.Switch(transport.Returns{}, 0)
	await(long) // who has no user does not wait
}

// TestLinger: before a segment is made, a block that has come back is seen; nobody
// lingers for a user that there is not, or that has nothing.
func TestLinger(t *testing.T) {
	defer patient.Store(patient.Swap(true))
	p, _ := heapPool(PoolConfig{})
	p.linger() // no user
	r := newReturns()
	p.Switch(r, 0)
	p.linger() // nothing is out
	b := mustTake(t, p, 1)
	p.Lent(b, 1)
	giveBack(r, b.Ref)
	if p.linger(); p.out != 0 {
		t.Error("the block that is back was not seen")
	}
}

// TestPatienceIsPolling: who may not poll waits for no block, on its way or not; the
// switch is the one of all polling.
func TestPatienceIsPolling(t *testing.T) {
	defer SetPolling(SetPolling(false))
	const class = 64 << 10
	p, _ := heapPool(PoolConfig{})
	r := newReturns()
	r.State = new(atomic.Uint32)
	p.Switch(r, 0)
	for i := range warmFor(class) + 8 {
		p.Lent(mustTake(t, p, class), uint64(i))
	}
	if p.weary != 0 {
		t.Error("it has waited for a block, and polling is off")
	}
	if SetPolling(true) {
		t.Error("polling was on")
	}
	if got, want := SetPolling(true), runtime.NumCPU() > 1; got != want {
		t.Errorf("polling is %v on %d processors", got, runtime.NumCPU())
	}
}
