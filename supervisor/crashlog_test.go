package supervisor_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestStackIsShownOnce: of a panic everybody sees the stacks once, whether its process's
// stderr goes where the log goes, which is the default, or to somewhere else.
func TestStackIsShownOnce(t *testing.T) {
	for _, c := range []struct {
		what   string
		child  supervisor.Child // the actor, or the supervisor above it
		below  *supervisor.Definition
		logger func(io.Writer) *slog.Logger
		want   int // stacks in what is written to stderr and to the log
	}{
		{"stderr and log of this process", supervisor.Child{}, nil, func(io.Writer) *slog.Logger { return slog.Default() }, 1},
		{"stderr is read by somebody else", supervisor.Child{Stderr: io.Discard}, nil, func(io.Writer) *slog.Logger { return slog.Default() }, 1},
		{"the log is one of its own", supervisor.Child{}, nil, func(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }, 2},
		{"below a supervisor's process", supervisor.Child{}, above, func(io.Writer) *slog.Logger { return slog.Default() }, 1},
		{"below one whose stderr is read by somebody else", supervisor.Child{Stderr: io.Discard}, above, func(io.Writer) *slog.Logger { return slog.Default() }, 1},
		{"below two", supervisor.Child{}, twoAbove, func(io.Writer) *slog.Logger { return slog.Default() }, 1},
		{"below one, and read by somebody else there", supervisor.Child{}, discarding, func(io.Writer) *slog.Logger { return slog.Default() }, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			testutil.Audit(t)
			all := shown(t, func(w io.Writer) {
				ctx, sup, _ := newSup(t, supervisor.Spec{Log: c.logger(w)})
				c.child.Restart = supervisor.Temporary
				ref, err := startAt(ctx, sup, c.below, c.child)
				if err != nil {
					t.Fatal(err)
				}
				notice, _, err := actor.Monitor(ctx, ref)
				if err != nil {
					t.Fatal(err)
				}
				if err := actor.Tell(ctx, ref, Die{How: "panic"}); err != nil {
					t.Fatal(err)
				}
				if d := wait(t, ctx, notice); !strings.Contains(d.Exit.Stderr, "goroutine ") {
					t.Errorf("the stacks are not in the exit:\n%s", d.Exit.Stderr)
				}
				sup.Shutdown()
			})
			if n := strings.Count(all, "[running]:"); n != c.want {
				t.Errorf("%d stacks, want %d:\n%s", n, c.want, all)
			}
			if !strings.Contains(all, "child died") || strings.Count(all, "node was told to") < c.want {
				t.Errorf("the reason is missing:\n%s", all)
			}
		})
	}
}

// TestEndByLinkIsLogged: a child that ends because of its link with an actor that does not
// exist is logged as one that has died, wherever its supervisor runs.
func TestEndByLinkIsLogged(t *testing.T) {
	for what, below := range map[string]*supervisor.Definition{"below the root": nil, "below a supervisor's process": above} {
		t.Run(what, func(t *testing.T) {
			testutil.Audit(t)
			all := shown(t, func(io.Writer) {
				ctx, sup, _ := newSup(t, supervisor.Spec{Log: slog.Default()})
				ref, err := startAt(ctx, sup, below, supervisor.Child{Restart: supervisor.Temporary})
				if err != nil {
					t.Fatal(err)
				}
				notice, _, err := actor.Monitor(ctx, ref)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := actor.Ask(ctx, ref, Join{Other: actor.Ref[Node]{ID: 1 << 20}}); err != nil {
					t.Fatal(err)
				}
				if d := wait(t, ctx, notice); d.Exit.Reason != "noproc" {
					t.Errorf("the reason is %q", d.Exit.Reason)
				}
				sup.Shutdown()
			})
			if !strings.Contains(all, "child died") {
				t.Errorf("the log has nothing of it:\n%s", all)
			}
		})
	}
}

// Supervisors with a node, below another one, or whose stderr nobody sees.
var (
	above = supervisor.Define("above", func() (supervisor.Spec, error) {
		return supervisor.Spec{Children: []supervisor.Child{{Name: "a", Actor: node, Restart: supervisor.Temporary}}}, nil
	})
	twoAbove = supervisor.Define("two above", func() (supervisor.Spec, error) {
		return supervisor.Spec{Children: []supervisor.Child{{Subtree: above}}}, nil
	})
	discarding = supervisor.Define("discarding", func() (supervisor.Spec, error) {
		return supervisor.Spec{Children: []supervisor.Child{{Name: "a", Actor: node, Restart: supervisor.Temporary, Stderr: io.Discard}}}, nil
	})
)

// startAt starts a node, or a supervisor that has one.
func startAt(ctx context.Context, sup *supervisor.Supervisor, below *supervisor.Definition, c supervisor.Child) (actor.Ref[Node], error) {
	if below == nil {
		return supervisor.StartChild(ctx, sup, node, c)
	}
	sub, err := supervisor.StartSubtree(ctx, sup, below, c)
	if err != nil {
		return actor.Ref[Node]{}, err
	}
	if below == twoAbove {
		return supervisor.Find(sub, node, "above/a")
	}
	return supervisor.Find(sub, node, "a")
}

// shown is what is written to this process's stderr, its log and w during f.
func shown(t *testing.T, f func(w io.Writer)) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = all.ReadFrom(r)
	}()
	stderr := os.Stderr
	os.Stderr = w
	log.SetOutput(w)
	defer func() {
		log.SetOutput(stderr)
		os.Stderr = stderr
	}()
	f(w)
	w.Close()
	<-read
	r.Close()
	return all.String()
}
