package supervisor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestShutdownGivesNotice: each monitor of the root gives notice of an end that is part of
// the program's own.
func TestShutdownGivesNotice(t *testing.T) {
	for range testutil.Rounds(5, 200) {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		var notices []<-chan actor.Down
		for i := range 4 {
			ref := startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint(i), Shutdown: supervisor.BrutalKill})
			for range 3 {
				ch, _, err := actor.Monitor(ctx, ref)
				if err != nil {
					t.Fatal(err)
				}
				notices = append(notices, ch)
			}
		}
		sup.Shutdown()
		for i, ch := range notices {
			select {
			case <-ch:
			case <-time.After(testutil.HangGuard / 8):
				t.Fatalf("monitor %d gives no notice", i)
			}
		}
	}
}
