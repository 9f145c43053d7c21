package supervisor

import (
	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// ShutdownNext makes the loop of s, which calls it, do Shutdown next.
func ShutdownNext(s *Supervisor) {
	s.mail <- func() { s.stepIn(s.root, tree.Shutdown{}) }
}

// SetBounds makes supervisors that are made from now on have other bounds, until
// restore is called.
func SetBounds(monitors, links, segments, onLane int) (restore func()) {
	old := bounds
	bounds = keeper.Bounds{Monitors: monitors, Links: links, Segments: segments, OnLane: onLane}
	return func() { bounds = old }
}
