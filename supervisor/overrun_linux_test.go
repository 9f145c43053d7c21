package supervisor_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/supervisor"
)

// TestDeafIsHeard: the same of a process that does not read what it is told, since it was
// stopped by a signal. It is killed when too much of that waits.
func TestDeafIsHeard(t *testing.T) {
	t.Cleanup(supervisor.SetMaxQueue(100))
	begun, ready := make(chan struct{}), make(chan struct{}) // when it is ready, it has said everything and is stopped
	x := startRanter(t, func(*os.File) { close(begun); <-ready })
	watched := startNode(t, x.ctx, x.sup, supervisor.Child{Name: "watched", Restart: supervisor.Temporary})
	bad, dies := who(t, x.ctx, x.bad), who(t, x.ctx, watched)
	x.fifo = "" // it stops itself
	x.tell(Rant{To: x.other.ID, Watched: watched.ID, Before: 500, Between: 250})
	<-begun
	for !stopped(bad.PID) && x.ctx.Err() == nil {
		runtime.Gosched()
	}
	_ = unix.Kill(dies.PID, unix.SIGKILL)
	for unix.Kill(dies.PID, 0) == nil && x.ctx.Err() == nil { // then it is known to be dead
		runtime.Gosched()
	}
	close(ready)
	x.r.until(t, x.ctx, "it is killed and ready again", func() bool { return len(x.r.kinds(supervisor.EventReady)) == 4 })
	x.heard()
	for _, e := range x.r.all() {
		if e.Kind == supervisor.EventOverrun && (e.Child != "bad" || !strings.Contains(e.Text, "more than 100 frames")) {
			t.Error(e)
		}
	}
}
