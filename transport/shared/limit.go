package shared

import (
	"context"
	"sync/atomic"
)

// MaxHolders is the largest number of concurrent holders of a Limit.
const MaxHolders = 62

// LimitWord is a limit on concurrent holders, in shared memory. Use it through
// NewLimit.
type LimitWord struct {
	bell  atomic.Uint32             // counts releases in steps of 2; bit 0: a waiter may sleep
	limit atomic.Uint32             // number of slots; 0 until the first NewLimit
	slot  [MaxHolders]atomic.Uint32 // the party that holds the slot, or 0
}

// Limit is one party's handle of a LimitWord, which bounds the number of concurrent
// holders in all processes together. The slots that a process holds come back when it
// dies. Any goroutine may use a Limit, and one process may hold several slots.
type Limit struct {
	m     *Memory
	word  *LimitWord
	slots []atomic.Uint32
	turn  turn
	holds [MaxHolders]atomic.Uint32 // by slot: counts this process's acquisitions and releases
	order atomic.Uint32             // for the race detector, as in Mutex
}

// NewLimit returns the handle of a word that is inside m, for n holders, 1 to
// MaxHolders. The first party decides n; any other n is refused with a *LimitError.
func NewLimit(m *Memory, word *LimitWord, n int) (*Limit, error) {
	if err := inside(m, word); err != nil {
		return nil, err
	}
	if n < 1 || n > MaxHolders {
		return nil, &LimitError{What: "holders at a time", Got: uint64(n), Limit: MaxHolders}
	}
	if !word.limit.CompareAndSwap(0, uint32(n)) && word.limit.Load() != uint32(n) {
		return nil, &LimitError{What: "holders at a time, where another process has decided", Got: uint64(n),
			Limit: uint64(word.limit.Load())}
	}
	return handle(m, word, func() *Limit { return &Limit{m: m, word: word, slots: word.slot[:n], turn: newTurn()} }), nil
}

// Hold is one slot of a limit, held.
type Hold struct {
	// Slot is its number, from 0 to one less than the limit. No two holders
	// have the same, so it can be the index of data that belongs to one holder.
	Slot int

	// OwnerDied says that the previous holder of this slot died holding it.
	OwnerDied bool

	l *Limit
	n uint32 // the value of l.holds as long as this Hold is held
}

// TryAcquire takes a slot if one is free or held by a dead process. Only if none is
// free it makes system calls, one for each slot.
func (l *Limit) TryAcquire() (h Hold, ok bool, err error) {
	me := l.m.party
	for i := range l.slots {
		if l.slots[i].Load() == 0 && l.slots[i].CompareAndSwap(0, me) {
			return l.held(i, false), true, nil
		}
	}
	for i := range l.slots {
		party := l.slots[i].Load()
		if party == 0 {
			if l.slots[i].CompareAndSwap(0, me) {
				return l.held(i, false), true, nil
			}
			continue
		}
		dead, err := l.m.dead(party)
		if err != nil {
			return Hold{}, false, err
		}
		if dead && l.slots[i].CompareAndSwap(party, me) {
			return l.held(i, true), true, nil
		}
	}
	return Hold{}, false, nil
}

func (l *Limit) held(slot int, died bool) Hold {
	if raceEnabled {
		l.order.Load()
	}
	return Hold{Slot: slot, OwnerDied: died, l: l, n: l.holds[slot].Add(1)}
}

// Acquire waits for a slot and takes it. It fails with the error of the context if that
// ends before.
func (l *Limit) Acquire(ctx context.Context) (Hold, error) {
	if h, ok, err := l.TryAcquire(); ok || err != nil {
		return h, err
	}
	if err := l.turn.queue(ctx); err != nil {
		return Hold{}, err
	}
	defer l.turn.leave()
	w := waiter{ctx: ctx}
	for {
		// First the mark, then the slots: a release after TryAcquire changes
		// the bell.
		l.word.bell.Or(1)
		seen := l.word.bell.Load() | 1
		if h, ok, err := l.TryAcquire(); ok || err != nil {
			return h, err
		}
		if err := w.sleep(&l.word.bell, seen); err != nil {
			return Hold{}, err
		}
	}
}

// Release gives the slot back. It fails with ErrNotOwner if that was done already.
func (h Hold) Release() error {
	if h.l == nil || !h.l.holds[h.Slot].CompareAndSwap(h.n, h.n+1) { // released already: another goroutine may hold it now
		return ErrNotOwner
	}
	if raceEnabled {
		h.l.order.Add(1)
	}
	if !h.l.slots[h.Slot].CompareAndSwap(h.l.m.party, 0) {
		return ErrNotOwner
	}
	bell := &h.l.word.bell
	for {
		w := bell.Load()
		if w&1 == 0 {
			return nil
		}
		if bell.CompareAndSwap(w, (w+2)&^1) {
			wakeAll(bell)
			return nil
		}
	}
}

// Holders returns how many slots are taken at this moment, including those of dead
// processes.
func (l *Limit) Holders() (n int) {
	for i := range l.slots {
		if l.slots[i].Load() != 0 {
			n++
		}
	}
	return n
}
