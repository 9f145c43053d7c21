package supervisor

import "github.com/understudy-go/understudy/supervisor/internal/keeper"

// SetBounds makes supervisors that are made from now on have other bounds, until
// restore is called.
func SetBounds(monitors, links, segments, onLane int) (restore func()) {
	old := bounds
	bounds = keeper.Bounds{Monitors: monitors, Links: links, Segments: segments, OnLane: onLane}
	return func() { bounds = old }
}
