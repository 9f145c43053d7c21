package supervisor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// closable is a link that may be closed.
type closable struct{ heard }

func (*closable) Close() error { return nil }

// TestNoticeComesLast: when the notice of a death is sent, the rules have dealt with the death:
// who is told of it does not find a child that has ended for good by its number or its name,
// nor in its pool.
func TestNoticeComesLast(t *testing.T) {
	const pool, member, watcher = 4, 5, 6
	above := &child{id: pool, name: "pool", spec: &Child{Supervisor: &Spec{pool: &Pool{Route: RoundRobin}}}}
	c := &child{id: member, name: "pool/1", spec: &Child{Restart: Temporary}}
	s := rootOf(above, c)
	s.keeper = keeper.New(s.log, func(keeper.Letter) {})
	above.branch = newBranch(nil, Spec{}.withDefaults(), nil)
	above.sub = newBranch(above, Spec{}.withDefaults(), nil)
	c.branch = above.sub
	for _, in := range []tree.Input{tree.Add{ID: member, Spec: tree.ChildSpec{Name: "1", Restart: Temporary}}, tree.Ready{ID: member, Incarnation: 1}} {
		c.branch.machine.Handle(0, in)
	}
	r := &running{s: s, addr: wire.Addr{ID: member, Incarnation: 1}, link: &closable{}}
	r.queue = &queue{link: r.link, workers: &s.workers, to: r}
	c.begin(1)
	c.run, c.ready = r, true
	s.keeper.AddPool(pool, "pool", wire.RouteRoundRobin)
	s.keeper.Add(member, c.name, wire.Mailbox{})
	s.keeper.Begin(r.addr, "node", s.poster(r))
	if err := s.keeper.Enter(pool, member); err != nil {
		t.Fatal(err)
	}

	by := wire.Addr{ID: watcher, Incarnation: 1}
	var heard []string
	s.keeper.Add(watcher, "watcher", wire.Mailbox{})
	s.keeper.Begin(by, "", func(f wire.Frame, _ ...*keeper.Handle) {
		switch f := f.(type) {
		case *wire.Members:
			heard = append(heard, fmt.Sprint("members ", f.Members))
		case *wire.Target:
			heard = append(heard, map[uint8]string{wire.TargetAlive: "alive", wire.TargetGone: "gone", wire.TargetPool: "a pool"}[f.State])
		case *wire.Down:
			heard = append(heard, "down")
			for _, who := range []*wire.Resolve{{ID: member}, {Name: c.name}} {
				s.keeper.Frame(by, who, nil)
			}
		}
	})
	s.keeper.Frame(by, &wire.Resolve{ID: pool}, nil)
	s.keeper.Frame(by, &wire.Monitor{Token: 1, ID: member}, nil)
	s.exited(c, r, process.Exit{PID: 1 << 30, Kind: wire.ExitCode, Code: 3})
	if want := []string{"members [5]", "a pool", "members []", "down", "gone", "gone"}; !slices.Equal(heard, want) {
		t.Errorf("%q, want %q", heard, want)
	}
}
