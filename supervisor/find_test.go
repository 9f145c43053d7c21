package supervisor_test

import (
	"io"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestFindWhileRestarting: a child is found, or is not there for a moment, while the
// process of its supervisor is started again and again.
func TestFindWhileRestarting(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 1000})
	_, ref, _ := startPair(t, ctx, sup, supervisor.Child{Stderr: io.Discard})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if found, err := supervisor.Find(sup, node, "pair/a"); err == nil && found != ref {
				t.Errorf("found %+v, not %+v", found, ref)
			}
			if _, err := sup.Below("pair"); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range testutil.Rounds(5, 100) {
		if err := syscall.Kill(pidOf(t, sup, "pair"), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		for who(t, ctx, ref).Incarnation < i+2 {
		}
	}
	close(stop)
	<-stopped
}
