package ring

import (
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
)

// Count counts the entries of a ring from the sequence at to the tail, while both sides
// go on. ok is false if the sender has written over them meanwhile, or if there is no
// entry at that sequence; then n is how many were found.
func Count(page *transport.SendPage, at uint64) (n uint64, ok bool) {
	var head atomic.Uint64
	r := NewReceiver(page, &head, at)
	if r.look() != nil {
		return 0, r.broken == nil
	}
	var e transport.Entry
	for r.More() { // so not beyond the tail that was read first
		if r.Take(&e) != nil {
			return n, false
		}
		n++
	}
	return n, page.Tail.Load()-at <= r.n
}
