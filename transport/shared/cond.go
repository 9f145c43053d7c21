package shared

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
)

// CondWord is a condition variable in shared memory. Use it through NewCond.
type CondWord struct{ state atomic.Uint32 }

// Cond is one party's handle of a CondWord, a condition variable: a goroutine
// waits on it, with the mutex unlocked, until another process says that the data
// has changed. Any goroutine may use it.
type Cond struct {
	word  *atomic.Uint32
	mutex *Mutex
}

// The word counts signals in steps of 2; bit 0 says that a waiter may sleep.
const (
	condWaiting = 1
	condStep    = 2
)

// NewCond returns the handle of a word that is inside m, for data that mutex
// protects.
func NewCond(m *Memory, word *CondWord, mutex *Mutex) (*Cond, error) {
	if err := inside(m, word); err != nil {
		return nil, err
	}
	return &Cond{word: &word.state, mutex: mutex}, nil
}

// Wait unlocks the mutex, which the caller holds, sleeps until the next Signal or
// Broadcast, and locks it again. It may return without either, so call it in a loop
// that checks the data. The end of the context ends the sleep, not the locking:
// whatever error Wait returns, the mutex is held, except with ErrNotOwner and
// ErrNotRecoverable. With ErrOwnerDied the data needs repair, as after Lock.
func (c *Cond) Wait(ctx context.Context) error {
	seen := c.word.Load() | condWaiting
	c.word.Or(condWaiting)
	if err := c.mutex.Unlock(); err != nil {
		return err
	}
	w := waiter{ctx: ctx}
	var ended error
	for c.word.Load() == seen && ended == nil {
		ended = w.sleep(c.word, seen)
	}
	err := c.mutex.Lock(context.WithoutCancel(ctx))
	if err == nil || !Held(err) {
		return cmp.Or(err, ended)
	}
	return errors.Join(err, ended)
}

// Signal wakes at least one waiter. If there is none, it does nothing and makes no
// system call. The mutex need not be held.
func (c *Cond) Signal() {
	w := c.word.Load()
	if w&condWaiting == 0 {
		return
	}
	w = c.word.Add(condStep)
	if !wakeOne(c.word) {
		// Nobody sleeps; a waiter that is about to sees that the word has changed.
		c.word.CompareAndSwap(w, w&^condWaiting)
	}
}

// Broadcast wakes all waiters. If there are none, it does nothing and makes no system
// call. The mutex need not be held.
func (c *Cond) Broadcast() {
	for {
		w := c.word.Load()
		if w&condWaiting == 0 {
			return
		}
		if c.word.CompareAndSwap(w, (w+condStep)&^condWaiting) {
			wakeAll(c.word)
			return
		}
	}
}
