package keeper

import (
	"testing"

	"github.com/understudy-go/understudy/transport/wire"
)

// TestOneLinkForAPair: whoever asks for it, and however often, there is one link between
// two actors: its end is noticed once, and either side takes it back.
func TestOneLinkForAPair(t *testing.T) {
	for _, tt := range []struct {
		undo []wire.Addr
		want []string
	}{{nil, []string{"linked with 2"}}, {[]wire.Addr{at(1, 1)}, nil}, {[]wire.Addr{at(2, 1)}, nil}} {
		s := newStage(2)
		s.Frame(at(1, 1), &wire.Trap{}, nil)
		for range 2 {
			s.Frame(at(1, 1), &wire.Link{ID: 2}, nil)
			s.Frame(at(2, 1), &wire.Link{ID: 1}, nil)
		}
		s.Frame(at(1, 1), &wire.Link{ID: 1}, nil) // with itself: nothing
		s.Frame(at(2, 1), &wire.Link{ID: 3}, nil) // of others, and stays
		if len(s.links) != 2 {
			t.Errorf("there are %d links: %v", len(s.links), s.links)
		}
		for _, who := range tt.undo {
			s.Frame(who, &wire.Link{ID: 3 - who.ID, Cancel: 1}, nil)
		}
		s.dies(at(2, 1))
		s.want(t, at(1, 1), tt.want...)
		if len(s.links) != 0 {
			t.Errorf("there are links with the dead: %v", s.links)
		}
	}
}

// TestMonitorOfProcess: who watches a process learns that another one has taken over, and
// who watches an actor does not.
func TestMonitorOfProcess(t *testing.T) {
	s := newStage(2)
	s.Frame(at(2, 1), &wire.Monitor{Token: 6, ID: 3, How: wire.MonitorProcess}, nil) // of another one
	s.Frame(at(2, 1), &wire.Monitor{Token: 7, ID: 1, How: wire.MonitorProcess}, nil)
	s.Frame(at(2, 1), &wire.Monitor{Token: 8, ID: 1}, nil)
	s.takesOver()
	s.want(t, at(2, 1), "down 7 of 1")
	s.dies(at(1, 2))
	s.want(t, at(2, 1), "down 8 of 1")
}

// TestMonitorsThatAreOver: one that was taken back is not kept, and one of a pool without
// members fires at once.
func TestMonitorsThatAreOver(t *testing.T) {
	s := newStage(1)
	s.AddPool(9, "pool", wire.RouteRoundRobin)
	s.Frame(at(2, 1), &wire.Monitor{Token: 5, ID: 1}, nil) // of another one
	for _, f := range []*wire.Monitor{{Token: 5, ID: 2}, {Token: 6, ID: 2}, {Token: 5, ID: 2, How: wire.MonitorCancel}, {Token: 7, ID: 9}} {
		s.Frame(at(1, 1), f, nil)
	}
	s.want(t, at(1, 1), "down 7 of 9")
	if len(s.monitors) != 2 {
		t.Errorf("%d monitors are kept, want 2", len(s.monitors))
	}
	s.dies(at(2, 1))
	s.want(t, at(1, 1), "down 6 of 2")
}

// TestUnlinkOfOne: who takes back a link takes back no other one, of its own or of others.
func TestUnlinkOfOne(t *testing.T) {
	s := newStage(3)
	for a := uint32(1); a <= 4; a++ {
		for b := a + 1; b <= 4; b++ {
			s.Frame(at(a, 1), &wire.Link{ID: b}, nil)
		}
	}
	s.Frame(at(2, 1), &wire.Link{ID: 3, Cancel: 1}, nil)
	s.Frame(at(4, 1), &wire.Link{ID: 1, Cancel: 1}, nil)
	for a := uint32(1); a <= 4; a++ {
		for b := a + 1; b <= 4; b++ {
			if _, ok := s.links[link{at(a, 1), at(b, 1)}]; ok == (a == 2 && b == 3 || a == 1 && b == 4) {
				t.Errorf("%d and %d: linked is %v", a, b, ok)
			}
		}
	}
}

// TestLinkWithTheDead: a link with one that is being restarted ends at once.
func TestLinkWithTheDead(t *testing.T) {
	s := newStage(2)
	s.dies(at(2, 1))
	s.Frame(at(3, 1), &wire.Trap{}, nil)
	s.Frame(at(3, 1), &wire.Link{ID: 2}, nil)
	if s.want(t, at(3, 1), "linked with 2"); len(s.links) != 0 {
		t.Errorf("there are links with the dead: %v", s.links)
	}
}
