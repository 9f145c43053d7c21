package supervisor

import (
	"slices"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
)

// TestGoneOnce: the end for good of an incarnation whose start was never reported, since
// its supervisor's process died just then, is not reported either.
func TestGoneOnce(t *testing.T) {
	c := &child{id: 7, spec: new(Child), branch: &branch{}}
	s := rootOf(c)
	s.keeper = keeper.New(s.log, nil)
	var got []EventKind
	s.spec.OnEvent = func(e Event) { got = append(got, e.Kind) }
	for _, unheard := range []bool{false, true, false} {
		c.begin(c.incarnation + 1)
		if !unheard {
			s.event(EventStarting, c, "")
		}
		s.bury(c)
	}
	if want := []EventKind{EventStarting, EventGone, EventStarting, EventGone}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
