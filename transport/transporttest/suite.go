package transporttest

import (
	"os"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// rule is one case of a suite: the rule of the contract that it shows, and how.
type rule[S any] struct {
	name string
	text string
	run  func(S)
}

// each runs the cases of a suite, each on a stage of its own.
func each[S any](t *testing.T, stage func(*testing.T) S, rules []rule[S]) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			emptyDirs(t)
			testutil.Audit(t)
			s := stage(t)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log("rule: " + r.text)
				}
			})
			r.run(s)
		})
	}
}

// emptyDirs gives the case and its helpers a directory for temporary files of
// their own, and a runtime directory in which nothing may be left.
func emptyDirs(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
			t.Errorf("left in the runtime directory: %v, %v", left, err)
		}
	})
}

// player is one helper process and its link.
type player struct {
	*testutil.Proc
	link transport.Link
}

// start starts a helper with a link.
func start(t *testing.T, name string, args ...string) *player {
	t.Helper()
	a, b, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	p := &player{Proc: testutil.Start(t, name, testutil.Spec{Args: args, Files: []*os.File{b}})}
	b.Close()
	if p.link, err = sock.New(a); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.link.Close() })
	return p
}

func (p *player) send(t *testing.T, f wire.Frame, files []transport.File) {
	t.Helper()
	if err := p.link.Send(wire.Append(nil, f), files); err != nil {
		t.Fatal(err)
	}
}

func (p *player) receive(t *testing.T) (wire.Frame, []transport.File) {
	t.Helper()
	buf := make([]byte, wire.MaxFrame)
	n, files, err := p.link.Receive(buf)
	if err != nil {
		t.Fatal(err)
	}
	f, err := wire.Parse(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	return f, files
}
