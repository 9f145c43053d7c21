package actor_test

import (
	"runtime"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestMonitorTakenBack: a monitor of one that has ended long ago, whose notice comes at
// once, is taken back at that moment. What is not in the channel by then never comes.
func TestMonitorTakenBack(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	var empty []<-chan actor.Down
	came := 0
	for i := range testutil.Rounds(300, 100_000) {
		ch, cancel, err := actor.Monitor(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		for range i % 20 { // the moment differs
			runtime.Gosched()
		}
		cancel()
		cancel() // as often as one likes
		select {
		case <-ch:
			came++
		default:
			empty = append(empty, ch)
		}
	}
	// A notice after all others: none is on its way.
	ch, _, err := actor.Monitor(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	<-ch
	for _, ch := range empty {
		if len(ch) > 0 {
			t.Fatal("a notice came after its monitor was taken back")
		}
	}
	t.Logf("%d notices came before, %d not", came, len(empty))
}
