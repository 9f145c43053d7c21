package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A message between two processes consists of lines of memory that pass from the cache of
// one processor to that of another. How long that takes depends on the two processors:
// between the two threads of one core less than half of what neighbouring cores take, and
// between cores that share no cache four times as much. A virtual machine does not know
// which it has, and its host may change them at any time.

// The bounds of one measurement of the distance.
const (
	distanceTime    = 20 * time.Millisecond
	distanceBatches = 32
	batchTrips      = 100
)

// distance is how many ns a line takes to another processor and back, as measured by two
// threads that bounce it: the median of some batches, or 0 if there is only one processor
// or both threads had to share one.
func distance() float64 {
	if runtime.GOMAXPROCS(0) < 2 || runtime.NumCPU() < 2 {
		return 0
	}
	var court struct {
		_    [128]byte // processors fetch lines in pairs
		ball atomic.Uint32
		_    [128]byte
	}
	var over atomic.Bool
	defer over.Store(true)
	go func() {
		for want := uint32(1); ; want += 2 {
			for court.ball.Load() != want {
				if over.Load() {
					return
				}
			}
			court.ball.Store(want + 1)
		}
	}()
	end := time.Now().Add(distanceTime)
	var batches []float64
	ball := uint32(0)
	for len(batches) < distanceBatches {
		begun := time.Now()
		for range batchTrips {
			court.ball.Store(ball + 1)
			ball += 2
			for polls := 1; court.ball.Load() != ball; polls++ {
				if polls%4096 == 0 && time.Now().After(end) {
					return spreadOf(batches).median
				}
			}
		}
		batches = append(batches, float64(time.Since(begun))/batchTrips)
	}
	return spreadOf(batches).median
}
