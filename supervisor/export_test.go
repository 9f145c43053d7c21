package supervisor

import (
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// ShutdownNext makes the loop of s, which calls it, do Shutdown next.
func ShutdownNext(s *Supervisor) {
	s.mail <- func() { s.stepIn(s.root, tree.Shutdown{}) }
}

// SetTimes makes this process wait for as long for what the process of a supervisor
// does, and for each part of a dump of goroutines, until restore is called.
func SetTimes(away, dump time.Duration) (restore func()) {
	oldAway, oldDump := awayTime, dumpTime
	awayTime, dumpTime = away, dump
	return func() { awayTime, dumpTime = oldAway, oldDump }
}

// SetBounds makes supervisors that are made from now on have other bounds, until
// restore is called.
func SetBounds(monitors, links, segments, onLane int) (restore func()) {
	old := bounds
	bounds = keeper.Bounds{Monitors: monitors, Links: links, Segments: segments, OnLane: onLane}
	return func() { bounds = old }
}

// SetMaxQueue bounds the frames that wait for a process, until restore is called.
func SetMaxQueue(n int) (restore func()) {
	old := maxQueue
	maxQueue = n
	return func() { maxQueue = old }
}

// AnswerTime is how long the process of a supervisor has for its answer.
const AnswerTime = answerTime

// StartFrom is what ReplaceAll does to a child that has no process.
func StartFrom(s *Supervisor, id uint32, path string) { s.startFrom(id, path) }

// Times is how long c may take to become ready, and to end.
func Times(c Child) (start, stop time.Duration) { return c.startTime(), c.stopTime() }

// Unlinked says whether all that the process of a child has sent was read, to the end of
// its link.
func Unlinked(s *Supervisor, id uint32) (over bool) {
	s.call(func() {
		c := s.children[id]
		over = c != nil && c.run != nil && c.run.drained.Over()
	})
	return over
}
