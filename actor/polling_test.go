package actor_test

import (
	"runtime"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/transport/segment"
)

// TestSetPolling: what was set is what the next call returns, but on one processor.
func TestSetPolling(t *testing.T) {
	defer actor.SetPolling(actor.SetPolling(false))
	if actor.SetPolling(true) {
		t.Error("polling is on, and was turned off")
	}
	if got, want := actor.SetPolling(false), runtime.NumCPU() > 1; got != want {
		t.Errorf("polling is %v on %d processors", got, runtime.NumCPU())
	}
	if segment.SetPolling(false) {
		t.Error("waits for blocks go on polling")
	}
}
