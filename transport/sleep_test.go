package transport

import (
	"sync/atomic"
	"testing"
)

// TestOneWakeForASleep: the first change of a bell in a sleep wakes the sleeper,
// others need not. But a wake for a change that was made before the sleep began
// does not count: it may have come before the sleeper slept.
func TestOneWakeForASleep(t *testing.T) {
	p, err := NewRecvPage(make([]byte, RecvPageBytes))
	if err != nil {
		t.Fatal(err)
	}
	var woken atomic.Uint64
	ring := func(want bool) {
		t.Helper()
		if got := p.MustWake(p.Sleeps.Load(), &woken); got != want {
			t.Fatalf("in sleep %d with state %d: %v", p.Sleeps.Load(), p.State.Load(), got)
		}
	}
	ring(false) // it is awake
	p.Arm()
	p.Disarm()
	ring(false) // it has woken by itself
	p.Arm()
	ring(true)
	ring(false)
	before := p.Sleeps.Load() // and now the bell is changed
	p.Disarm()
	ring(false)
	p.Arm() // the sleeper has seen that change, and sleeps again
	if !p.MustWake(before, &woken) {
		t.Fatal("no wake, and the sleeper may not have seen the change")
	}
	ring(true)
	ring(false)
	p.Disarm()
	ring(false)
}
