package mailbox

import (
	"errors"
	"fmt"
)

// lentError is the ErrFull of a message for which no block is free.
type lentError struct{ size, pool int }

func (e *lentError) Error() string {
	return fmt.Sprintf("no block of %d bytes is free; mailbox.Config.PoolBytes is %d: make it larger, or release sooner what is lent or kept", e.size, e.pool)
}

func (e *lentError) Unwrap() error { return ErrFull }

// wholeError is the ErrFull of a payload over PoolBytes, of which a sender has only one on
// its way.
type wholeError struct{ size, pool int }

func (e *wholeError) Error() string {
	return fmt.Sprintf("%d bytes are more than mailbox.Config.PoolBytes, %d, and this process can have only one such payload on its way to one actor: "+
		"the last one has not been handled or released yet", e.size, e.pool)
}

func (e *wholeError) Unwrap() error { return ErrFull }

// Want is one sender's wait for a block. The zero Want waits for none.
type Want struct{ size int }

// Try calls send for a sender that waits for room. If send fails for want of a block,
// smaller blocks give way to it until it gets one, or until EndWant.
func (o *Outbox) Try(w *Want, send func() error) error {
	o.tellHandled()
	err := send()
	if e := (*lentError)(nil); errors.As(err, &e) && e.size != w.size {
		o.EndWant(w)
		w.size = e.size
		o.wants.Add(1)
		o.tellHandled()
		o.store.Want(w.size)
	}
	return err
}

// EndWant ends the wait of w, and reports whether other senders may now find a block that
// they could not have before.
func (o *Outbox) EndWant(w *Want) bool {
	if w.size == 0 {
		return false
	}
	others := o.store.Unwant(w.size)
	o.wants.Add(-1)
	w.size = 0
	return others
}

// tellHandled tells the pool how far the receiver has got, if a sender waits for a block.
func (o *Outbox) tellHandled() {
	if o.wants.Load() == 0 {
		return
	}
	o.mu.Lock() // keeps the page mapped
	defer o.mu.Unlock()
	if !o.closed {
		o.store.Handled(o.lane.Handled())
	}
}

// Contended counts the messages that have given back, unsent, blocks for which another was
// refused: others hear of these blocks and try again, perhaps to do the same.
func (o *Outbox) Contended() uint64 { return o.store.contended.Load() }

// Contended is Outbox.Contended for the blocks of answers.
func (b *Inbox) Contended() uint64 { return b.replies.contended.Load() }
