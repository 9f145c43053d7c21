package node

import (
	"context"
	"fmt"
	"time"

	"github.com/understudy-go/understudy/mailbox"
)

// credit tells waiting senders to try again, and says whether there are any. Only the
// waiter calls it, since it notices by itself; others call room.
func (t *Target) credit() (any bool) {
	t.credits.Add(1)
	t.rooms.Lock()
	defer t.rooms.Unlock()
	for ev := range t.waiting {
		select {
		case ev <- struct{}{}:
		default:
		}
	}
	return len(t.waiting) > 0
}

// room is credit for changes that ring no bell: the waiter itself may be waiting for
// room, asleep. Any goroutine may call it.
func (t *Target) room() {
	if t.credit() {
		t.node.cfg.Notifier.Interrupt()
	}
}

// hurryAfter is how long a sender waits for room before it hurries the receiver.
const hurryAfter = 2 * time.Millisecond

// roomWait waits until the targets have more credits than were seen.
type roomWait struct {
	ts   []*Target
	seen uint64
}

func (w *roomWait) credits() (sum uint64) {
	for _, t := range w.ts {
		sum += t.credits.Load()
	}
	return sum
}

func (w *roomWait) ready() bool { return w.credits() != w.seen }
func (w *roomWait) poll() bool  { return w.ready() }
func (w *roomWait) loop() bool  { return false }

// width is 0: room comes half a ring at a time, and the receiver makes it sooner if this
// side leaves the ring, and perhaps the core, to it.
func (w *roomWait) width() int { return 0 }

// WhenFull applies the mailbox's policy after a send that has failed with full because
// there was no room. It calls send again whenever there may be room; or it returns full;
// or, if drop is not nil, it calls drop and counts the message as dropped. An actor's own
// code never waits for room in its own mailbox.
func (t *Target) WhenFull(ctx context.Context, full error, send func() error, drop func()) error {
	switch mailbox.Full(t.box.Config.Full) {
	case mailbox.Drop:
		if drop != nil {
			drop()
			t.node.Dropped.Add(1)
			return nil
		}
		fallthrough
	case mailbox.Fail:
		return fmt.Errorf("mailbox of %s: %w", t.Name, full)
	}
	if t.isCaller() {
		return fmt.Errorf("mailbox of %s: %w%s", t.Name, full, callersOwn)
	}
	var w mailbox.Want
	defer func() {
		if t.box.EndWant(&w) {
			t.room() // a sender that was refused may find some now
		}
	}()
	return t.node.whenRoom(ctx, []*Target{t}, func() error {
		if g := t.gone.Load(); g != nil {
			return g
		}
		return t.box.Try(&w, send)
	})
}

// UrgentWhenFull is WhenFull for an urgent message: until it returns, no other message
// gets a block.
func (t *Target) UrgentWhenFull(ctx context.Context, full error, send func() error, drop func()) error {
	t.box.UrgentWaits(true)
	defer func() {
		t.box.UrgentWaits(false)
		t.room() // a sender that was refused may find some now
	}()
	return t.WhenFull(ctx, full, send, drop)
}

// whenRoom repeats send, which has found no room, whenever one of ts may have made some.
func (n *Node) whenRoom(ctx context.Context, ts []*Target, send func() error) error {
	ev := make(chan struct{}, 1)
	for _, t := range ts {
		t.wantRoom(ev)
	}
	defer func() {
		for _, t := range ts {
			t.hasRoom(ev)
		}
	}()
	now := time.Now()
	n.fresh.freshen(At(now))
	hurry := now.Add(hurryAfter)
	var calm restraint
	for {
		w := &roomWait{ts: ts}
		w.seen, calm.contended = w.credits(), contended(ts)
		full := send()
		if !isFull(full) {
			return full
		}
		calm.pause(ctx, n, contended(ts))
		err := n.awaitUntil(ctx, w, ev, hurry)
		if l := limitOf(ctx); err == nil && l.ended() { // others might get all the room for ever
			err = l.err()
		}
		if err == errEarly {
			// A busy receiver announces room half a ring at a time. With a slow one the
			// room of every message counts.
			hurry = time.Time{}
			for _, t := range ts {
				t.hurry()
			}
		} else if err != nil {
			return fmt.Errorf("mailbox of %s: %v: %w", ts[0].Name, full, err)
		}
	}
}

func contended(ts []*Target) (sum uint64) {
	for _, t := range ts {
		sum += t.box.Contended()
	}
	return sum
}

// hurry tells the receiver that a sender has been waiting for long.
func (t *Target) hurry() {
	t.rooms.Lock()
	defer t.rooms.Unlock()
	if len(t.waiting) > 0 {
		t.box.Hurry(true)
	}
}

// restraint keeps waiting senders from waking each other endlessly. A sender that gets a
// block, but then no room in the queue or no second block, gives the block back, and the
// senders that were refused meanwhile are told. One of these may do the same, and so on.
// So a sender that was in such contention pauses before it tries again, each time for
// longer.
type restraint struct {
	contended uint64 // as it was when the try began
	times     int
}

const (
	firstPause = time.Millisecond
	mostPauses = 6 // how often the pause doubles
)

// pause waits for a time if there was contention during the last try.
func (r *restraint) pause(ctx context.Context, n *Node, contended uint64) {
	if contended == r.contended {
		return
	}
	d := firstPause << min(r.times, mostPauses)
	r.times++
	_ = n.awaitUntil(ctx, &roomWait{}, nil, time.Now().Add(d)) // ctx is looked at afterwards
}
