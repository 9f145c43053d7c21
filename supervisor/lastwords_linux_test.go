package supervisor_test

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// Unheard is a message that no node handles: each one is a dead letter.
type Unheard struct{ actor.Tells[Node] }

// TestAllLastWordsAreHeard: all that a process has said comes before its death,
// also when the supervisor is busy for a long time, and only then reads it.
func TestAllLastWordsAreHeard(t *testing.T) {
	const many = 150 // more than wait in the supervisor, less than the link holds
	var letters, before atomic.Int64
	pid, gone := make(chan int, 1), make(chan struct{})
	ctx, sup, _ := newSupOn(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
		if l.Reason != supervisor.LetterUnhandled || letters.Add(1) > 1 {
			return
		}
		for p := <-pid; syscall.Kill(p, 0) == nil; {
			runtime.Gosched()
		}
		<-time.After(1200 * time.Millisecond) // the fault
	}}, func(e supervisor.Event) {
		if e.Kind == supervisor.EventExited {
			before.Store(letters.Load())
			close(gone)
		}
	})
	ref := startNode(t, ctx, sup, supervisor.Child{Restart: supervisor.Temporary})
	me, err := actor.Ask(ctx, ref, Who{})
	if err != nil {
		t.Fatal(err)
	}
	for range many {
		if err := actor.Tell(ctx, ref, Unheard{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := actor.Tell(ctx, ref, Die{How: "exit 3"}); err != nil {
		t.Fatal(err)
	}
	pid <- me.PID
	select {
	case <-gone:
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	if n := before.Load(); n != many {
		t.Errorf("%d of %d letters came before the death", n, many)
	}
}
