package supervisor

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestFlushOfABusyMachine: what a child has written last is handed on before its end
// is told, although there was no processor for that for longer than a reader that
// hangs is waited for.
func TestFlushOfABusyMachine(t *testing.T) {
	var read strings.Builder
	o := writerOutput(new(atomic.Uint64), &read, func(uint64) {})
	o.queue, o.bytes, o.idle = [][]byte{[]byte("last words")}, 10, make(chan struct{}) // what Write does, but for the goroutine
	time.AfterFunc(flushTime+flushTime/2, o.run)                                       // the fault
	if o.flush(); read.String() != "last words" {
		t.Errorf("%q was read", read.String())
	}
}
