package supervisor

import (
	"testing"

	"github.com/understudy-go/understudy/transport/wire"
)

// TestTakenOfNothing: a successor that says that it has taken a state, or cannot, and was
// given none, says nothing.
func TestTakenOfNothing(t *testing.T) {
	s := &Supervisor{engine: &engine{}}
	n := &successor{addr: wire.Addr{ID: 1, Incarnation: 2}}
	c := &child{id: 1, next: n}
	for _, what := range []uint8{wire.TakenUnknown, wire.TakenRefused, wire.TakenWhole} {
		s.taken(c, n, &wire.Taken{Successor: 2, What: what})
	}
	if c.next != n || n.abandoned || n.committed {
		t.Errorf("%+v", n)
	}
}
