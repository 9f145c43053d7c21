package supervisor_test

import (
	"context"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// A node loses its control link as when that is closed, and its number used again for
// something that is silent. If it were only closed, a node that looks at it at that moment
// would end by itself.
func init() {
	ways["deafen"] = func() {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Dup3(p[0], 3, unix.O_CLOEXEC)
		}
		if err != nil {
			panic(err)
		}
	}
}

// deafen makes a child lose its control link, and returns when that is known.
func deafen(t *testing.T, ctx context.Context, sup *supervisor.Supervisor, ref actor.Ref[Node]) {
	t.Helper()
	tell(t, ctx, ref, "deafen")
	for !supervisor.Unlinked(sup, ref.ID) && ctx.Err() == nil {
		runtime.Gosched()
	}
}

// TestStopOfDeaf: a child that has closed its control link does not hear that it is to
// end. It is killed at once: also one that has all the time.
func TestStopOfDeaf(t *testing.T) {
	testutil.Audit(t)
	for name, below := range map[string]bool{"child of the root": false, "child below": true} {
		t.Run(name, func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{})
			by := sup
			if below {
				by, _, _ = startPair(t, ctx, sup, supervisor.Child{Stderr: io.Discard})
			}
			ref, err := supervisor.StartChild(ctx, by, node, supervisor.Child{Name: "deaf", Shutdown: supervisor.Infinity})
			if err != nil {
				t.Fatal(err)
			}
			deafen(t, ctx, sup, ref)
			if err := by.Terminate(ctx, ref.ID); err != nil {
				t.Fatal(err)
			}
			killed := ""
			for _, e := range r.all() {
				switch e.Kind {
				case supervisor.EventKilled:
					killed = e.Text
				case supervisor.EventExited:
					if e.Exit.Signal != syscall.SIGKILL || e.Exit.Reason != actor.ReasonKilled || !e.Exit.Asked {
						t.Errorf("%+v", e.Exit)
					}
				}
			}
			if !strings.Contains(killed, "control link") {
				t.Errorf("killed: %q", killed)
			}
		})
	}
}

// TestLinkOfDeaf: nor does it hear that one that it is linked with has ended.
func TestLinkOfDeaf(t *testing.T) {
	testutil.Audit(t)
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	a := startNode(t, ctx, sup, supervisor.Child{Name: "a", Restart: supervisor.Temporary})
	b := startNode(t, ctx, sup, supervisor.Child{Name: "b", Restart: supervisor.Temporary, Shutdown: supervisor.Infinity})
	link(t, ctx, a, b, false)
	down, _, err := actor.Monitor(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	deafen(t, ctx, sup, b)
	tell(t, ctx, a, "exit 3")
	if d := wait(t, ctx, down); d.Exit.Reason != actor.ReasonError || !strings.HasPrefix(d.Exit.Summary, "linked with a") {
		t.Errorf("%+v", d.Exit)
	}
}
