package node

import (
	"testing"
	"time"
)

// TestOriginOfABusyMachine: who loses the processor between the readings of the two
// clocks reads them again.
func TestOriginOfABusyMachine(t *testing.T) {
	lost := []time.Duration{20 * time.Millisecond, time.Second, time.Microsecond, time.Hour} // between the two readings, each time
	reading, n := time.Duration(0), 0
	_, mono := readOrigin(func() int64 {
		if n++; n%2 == 0 {
			reading += lost[n/2-1]
		}
		return int64(reading)
	})
	if want := lost[0] + lost[1]; mono != int64(want) || n != 6 {
		t.Errorf("%v after %d readings, want %v after 6", time.Duration(mono), n, want)
	}
	always := time.Duration(0) // a machine on which every reading is late
	if _, mono := readOrigin(func() int64 { always += time.Second; return int64(always) }); mono != int64(time.Second) {
		t.Errorf("%v, want the first of equals", time.Duration(mono))
	}
}
