package node

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// The states of an ask, in the low bits of its word.
const (
	askWaiting  = 0
	askClaimed  = 1 // a goroutine is writing the outcome
	askAnswered = 2
	askFailed   = 3
	askStates   = 3
)

// Ask is one outstanding ask. Its slot, and the Ask itself, are reused.
//
//	word: count << 2 | state    the count makes a late outcome miss if the slot
//	                            already serves another ask
type Ask struct {
	ID     uint64
	target *Target
	slot   int
	word   atomic.Uint64
	late   atomic.Uint64 // an ask of this slot that was given up
	ev     chan struct{}

	// Written by the goroutine that has claimed the word.
	peer *mailbox.Peer
	body []byte
	err  error
}

// askTable holds the outstanding asks of one target.
type askTable struct {
	mu    sync.Mutex
	count uint64
	free  []*Ask
	all   [transport.ReplySlots]atomic.Pointer[Ask]
	made  int
	ready chan struct{} // closed and replaced when a slot comes free while somebody waits
}

// NewAsk takes a slot, and waits for one while all are taken.
func (t *Target) NewAsk(ctx context.Context) (*Ask, error) {
	k := &t.asks
	k.mu.Lock()
	for len(k.free) == 0 && k.made == len(k.all) {
		if k.ready == nil {
			k.ready = make(chan struct{})
		}
		ready := k.ready
		k.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, fmt.Errorf("ask of %s: %d asks are outstanding: %w", t.Name, len(k.all), context.Cause(ctx))
		}
		k.mu.Lock()
	}
	defer k.mu.Unlock()
	var a *Ask
	if i := len(k.free) - 1; i >= 0 {
		// The slot used last is still in the cache.
		a, k.free = k.free[i], k.free[:i]
	} else {
		a = &Ask{target: t, slot: k.made, ev: make(chan struct{}, 1)}
		k.all[k.made].Store(a)
		k.made++
	}
	k.count++
	a.ID = k.count*transport.ReplySlots + uint64(a.slot)
	select {
	case <-a.ev:
	default:
	}
	a.word.Store(k.count<<2 | askWaiting)
	return a, nil
}

// Free gives the slot back. The reply's bytes are invalid after it.
func (a *Ask) Free() {
	if a.peer != nil {
		a.peer.Free()
	}
	a.peer, a.body, a.err = nil, nil, nil
	k := &a.target.asks
	k.mu.Lock()
	defer k.mu.Unlock()
	k.free = append(k.free, a)
	if k.ready != nil {
		close(k.ready)
		k.ready = nil
	}
}

func (a *Ask) count() uint64 { return a.word.Load() >> 2 }

// finish records the outcome of the ask with that count, if it has none yet.
func (a *Ask) finish(count uint64, state uint64, peer *mailbox.Peer, body []byte, err error) bool {
	if !a.word.CompareAndSwap(count<<2|askWaiting, count<<2|askClaimed) {
		return false
	}
	if peer != nil {
		peer.Retain()
	}
	a.peer, a.body, a.err = peer, body, err
	a.word.Store(count<<2 | state)
	select {
	case a.ev <- struct{}{}:
	default:
	}
	return true
}

func (a *Ask) ready() bool { return a.word.Load()&askStates >= askAnswered }
func (a *Ask) loop() bool  { return false }
func (a *Ask) width() int  { return 1 }

// poll looks into the slot. The page stays mapped while the caller is the waiter.
func (a *Ask) poll() bool {
	if a.ready() {
		return true
	}
	if p := a.target.box.Peer(); p != nil {
		a.check(p)
	}
	return a.ready()
}

// check looks for the reply in p's slot.
func (a *Ask) check(p *mailbox.Peer) bool {
	w := a.word.Load()
	if w&askStates != askWaiting {
		return false
	}
	id := (w>>2)*transport.ReplySlots + uint64(a.slot)
	body, ok := p.Answered(a.slot, id)
	return ok && a.finish(w>>2, askAnswered, p, body, nil)
}

// Wait blocks until the ask has its outcome: the reply's bytes and the page that they
// are in, or an error. If ctx ends first, the ask is given up, the callee is told, and
// the error is ctx's.
func (a *Ask) Wait(ctx context.Context) (*mailbox.Peer, []byte, error) {
	if err := a.target.node.await(ctx, a, a.ev); err != nil {
		if a.giveUp() {
			a.target.box.Cancel(a.slot, a.ID)
			return nil, nil, err
		}
	}
	return a.peer, a.body, a.err
}

// Refuse tells the callee that its answer has come but cannot be read here: the blocks
// that it has lent for the answer are its own again. Free has to follow.
func (a *Ask) Refuse() { a.target.box.Cancel(a.slot, a.ID) }

// Abandon gives up an ask that was not sent.
func (a *Ask) Abandon() {
	a.giveUp()
	a.Free()
}

// giveUp makes giving up the ask's outcome, unless it already has one.
func (a *Ask) giveUp() bool {
	c := a.count()
	a.late.Store(a.ID)
	if a.finish(c, askFailed, nil, nil, nil) {
		return true
	}
	a.late.Store(0)
	for !a.ready() {
		runtime.Gosched() // another goroutine is writing the outcome
	}
	return false
}

// look hands out the replies that p has published since the last look.
func (k *askTable) look(p *mailbox.Peer) {
	if !p.Replies(func(slot int) { k.check(p, slot) }) {
		k.checkAll(p)
	}
}

func (k *askTable) check(p *mailbox.Peer, slot int) {
	a := k.all[slot].Load()
	if a == nil || a.check(p) {
		return
	}
	if late := a.late.Load(); late != 0 {
		if _, ok := p.Answered(slot, late); ok && a.late.CompareAndSwap(late, 0) {
			a.target.node.Late.Add(1)
		}
	}
}

func (k *askTable) checkAll(p *mailbox.Peer) {
	for slot := range k.all {
		k.check(p, slot)
	}
}

// drainAll looks at all replies of a target whose process is dead.
func (n *Node) drainAll(t *Target) {
	if t.box == nil {
		return
	}
	if p := t.box.Peer(); p != nil {
		t.asks.checkAll(p)
	}
}

func (k *askTable) failAll(err error) {
	for i := range k.all {
		if a := k.all[i].Load(); a != nil {
			a.finish(a.count(), askFailed, nil, nil, err)
		}
	}
}

// DeathError says that an actor died with the ask in hand.
type DeathError struct {
	Name string
	Exit *wire.Exit
}

func (e *DeathError) Error() string {
	return fmt.Sprintf("actor %s died with this message in hand: %s", e.Name, e.Exit.Summary)
}

func (t *Target) failAsk(id uint64, exit *wire.Exit) {
	if a := t.asks.all[id%transport.ReplySlots].Load(); a != nil {
		a.finish(id/transport.ReplySlots, askFailed, nil, nil, &DeathError{Name: t.Name, Exit: exit})
	}
}
