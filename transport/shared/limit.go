package shared

import (
	"context"
	"sync/atomic"
)

// MaxHolders is the largest number of concurrent holders of a Limit.
const MaxHolders = 62

// LimitWord is a limit on concurrent holders as it lies in shared memory. Use
// it by NewLimit.
type LimitWord struct {
	bell  atomic.Uint32             // counts in steps of 2 what was given back; bit 0: somebody may sleep
	limit atomic.Uint32             // slots in use; 0 until the first NewLimit
	slot  [MaxHolders]atomic.Uint32 // the party that holds it, or 0
}

// Limit is one party's handle of a LimitWord: at most so many holders at a
// time, in all processes together. What a process holds comes back when it
// dies. Any goroutine may use it, and one process may hold more than one slot.
type Limit struct {
	m     *Memory
	word  *LimitWord
	slots []atomic.Uint32
	turn  turn
	holds [MaxHolders]atomic.Uint32 // counts what this process took and gave back, by slot
	order atomic.Uint32             // for the race detector, as in Mutex
}

// NewLimit returns the handle of a word that is inside m, for n holders, 1 to
// MaxHolders. The first party decides n; another n is refused with a
// *LimitError.
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
	// Slot is its number, from 0 to one less than the limit: no two holders
	// have the same, so it can be an index of data that belongs to one holder.
	Slot int

	// OwnerDied says that the last holder of this slot died with it.
	OwnerDied bool

	l *Limit
	n uint32 // of holds, while it is this one
}

// TryAcquire takes a slot if one is free or held by a dead process. It makes
// system calls only when none is free, one for each slot.
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

// Acquire takes a slot. It waits until there is one or the context ends, whose
// error it returns then.
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
		// The mark first, then the slots: what is given back after this look
		// changes the bell.
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

// Release gives the slot back. It fails with ErrNotOwner when that was done
// already.
func (h Hold) Release() error {
	if h.l == nil || !h.l.holds[h.Slot].CompareAndSwap(h.n, h.n+1) { // by now it may be another goroutine's
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

// Holders is how many slots are taken at this moment, those of dead processes
// included.
func (l *Limit) Holders() (n int) {
	for i := range l.slots {
		if l.slots[i].Load() != 0 {
			n++
		}
	}
	return n
}
