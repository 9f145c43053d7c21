package shared

import (
	"context"
	"sync/atomic"
)

// EventWord is an event in shared memory, with a value of type T, which must have a
// fixed layout. The zero value is not set. Use it through NewEvent.
type EventWord[T any] struct {
	state atomic.Uint32
	_     uint32
	value T
}

// eventSet is the bit that says that the value is there.
const eventSet = 1 << 30

// Event is one party's handle of an EventWord. It is set once, with a value, and
// everybody who waits for it, before or after, gets that value. Any goroutine may use
// it.
type Event[T any] struct {
	m     *Memory
	word  *EventWord[T]
	order atomic.Uint32 // for the race detector, as in Mutex
}

// NewEvent returns the handle of a word that is inside m.
func NewEvent[T any](m *Memory, word *EventWord[T]) (*Event[T], error) {
	if err := inside(m, word); err != nil {
		return nil, err
	}
	return handle(m, word, func() *Event[T] { return &Event[T]{m: m, word: word} }), nil
}

// Set gives the event its value and wakes all waiters. It fails with ErrAlreadySet if
// the event has a value, or another living process is just setting it. If this process
// dies in Set, the event is as if Set was not called.
func (e *Event[T]) Set(v T) error {
	for {
		w := e.word.state.Load()
		if w&eventSet != 0 {
			return ErrAlreadySet
		}
		if setter := w & partyMask; setter != 0 {
			dead, err := e.m.dead(setter)
			if err != nil {
				return err
			}
			if !dead {
				return ErrAlreadySet
			}
		}
		if e.word.state.CompareAndSwap(w, e.m.party) {
			break
		}
	}
	if raceEnabled {
		e.order.Add(1)
	}
	e.word.value = v
	e.word.state.Store(eventSet | e.m.party)
	wakeAll(&e.word.state)
	return nil
}

// Get returns the value, and whether there is one.
func (e *Event[T]) Get() (v T, ok bool) {
	if e.word.state.Load()&eventSet == 0 {
		return v, false
	}
	if raceEnabled {
		e.order.Load()
	}
	return e.word.value, true
}

// Wait waits for the value and returns it, or the error of the context if that ends
// before.
func (e *Event[T]) Wait(ctx context.Context) (T, error) {
	w := waiter{ctx: ctx}
	for {
		seen := e.word.state.Load()
		if v, ok := e.Get(); ok {
			return v, nil
		}
		if err := w.sleep(&e.word.state, seen); err != nil {
			var none T
			return none, err
		}
	}
}
