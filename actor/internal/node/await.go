package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
)

// waiting is something that a goroutine waits for.
type waiting interface {
	ready() bool // it has happened; any goroutine may ask
	poll() bool  // look for it where it will appear; only the waiter may call it
	loop() bool  // the actor's loop is waiting
	width() int  // about how many looks one poll takes; 0: it will not come within a microsecond, so that polling makes no sense
}

// watch is what the waiter looks at. The role's holder owns it.
type watch struct {
	*lanes         // never nil
	changes uint64 // Node.changes when the lists were made
	spin    spinner
}

// lanes are lists of what the waiter has to look at.
type lanes struct {
	outs   []*Target
	peers  []*mailbox.Peer // of outs, as they were when the list was made
	ins    []*inbox
	bells  []transport.Bell  // of peers, then of ins
	sleeps []transport.Sleep // where this process says that it sleeps
}

// The empty lists that all nodes without lanes share.
var (
	noLanes   lanes
	noTargets table
	noHeads   []*inbox
)

// Polled is a context whose end rings a bell of this node, or is a deadline. The waiter
// looks at its Err, so that no goroutine has to watch it.
type Polled struct{ context.Context }

// limit is what ends a wait that is not ready.
type limit struct {
	ctx    context.Context
	done   <-chan struct{}
	polled *Polled
	at     time.Time // unless it is zero, the wait ends then, with errEarly
}

// errEarly says that a wait has reached its own time limit, not its context's end.
var errEarly = errors.New("node: the time of a wait is over")

func limitOf(ctx context.Context) (l limit) {
	if p, ok := ctx.(*Polled); ok {
		return limit{ctx: ctx, polled: p}
	}
	if ctx != nil {
		l.ctx, l.done = ctx, ctx.Done()
	}
	return l
}

// over says whether the wait has to end.
func (l *limit) over() bool {
	return l.ended() || !l.at.IsZero() && !time.Now().Before(l.at)
}

// ended says whether the context has ended.
func (l *limit) ended() bool {
	if l.polled != nil {
		return l.polled.Err() != nil
	}
	return closed(l.done)
}

// err says why the wait has to end.
func (l *limit) err() error {
	if !l.ended() {
		return errEarly
	}
	if l.polled != nil {
		return l.polled.Err()
	}
	return context.Cause(l.ctx)
}

// left is how long the waiter may sleep; 0 means without limit.
func (l *limit) left() time.Duration {
	at := l.at
	if l.polled != nil {
		if d, ok := l.polled.Deadline(); ok && (at.IsZero() || d.Before(at)) {
			at = d
		}
	}
	if at.IsZero() {
		return 0
	}
	return max(time.Until(at), 1)
}

// await blocks until w is ready or ctx ends. It becomes the waiter if nobody else is;
// otherwise ev tells when w may be ready.
func (n *Node) await(ctx context.Context, w waiting, ev <-chan struct{}) error {
	return n.awaitUntil(ctx, w, ev, time.Time{})
}

// awaitUntil is await, but fails with errEarly when the time at has come, unless it is
// zero. The waiter limits its own sleep, so that no timer has to wake a thread of Go's.
func (n *Node) awaitUntil(ctx context.Context, w waiting, ev <-chan struct{}, at time.Time) error {
	l := limitOf(ctx)
	l.at = at
	for !w.ready() {
		select {
		case <-n.role:
			n.holdRole(&l, w)
			n.role <- struct{}{}
		default:
			n.awaitOther(&l, w, ev)
		}
		if !w.ready() && l.over() {
			return l.err()
		}
	}
	return nil
}

// awaitOther waits while another goroutine is the waiter.
func (n *Node) awaitOther(l *limit, w waiting, ev <-chan struct{}) {
	done := l.done
	var early <-chan time.Time
	if !l.at.IsZero() {
		t := time.NewTimer(time.Until(l.at))
		defer t.Stop()
		early = t.C
	}
	if l.polled != nil {
		// Most others hold the role only for a moment. A long wait needs a watch of the
		// message in hand.
		t := time.NewTimer(watchAfter)
		defer t.Stop()
		select {
		case <-n.role:
			n.holdRole(l, w)
			n.role <- struct{}{}
			return
		case <-ev:
			return
		case <-early:
			return
		case <-t.C:
			done = l.polled.Done()
		}
	}
	select {
	case <-n.role:
		n.holdRole(l, w)
		n.role <- struct{}{}
	case <-ev:
	case <-early:
	case <-done:
	}
}

// watchAfter is how long a wait in a handler goes on without its own watch.
const watchAfter = time.Millisecond

// holdRole polls, and then sleeps, until w is ready or l is over.
func (n *Node) holdRole(l *limit, w waiting) {
	n.refresh()
	if w.width() > 0 && n.spinFor(w) {
		return
	}
	if l.done != nil {
		defer context.AfterFunc(l.ctx, n.cfg.Notifier.Interrupt)()
	}
	for {
		n.refresh()
		n.look(w)
		if w.poll() || l.over() {
			return
		}
		n.setArmed(true)
		if n.quiet() && !w.poll() && !l.over() {
			n.sleep(l.left())
		}
		n.setArmed(false)
	}
}

// crowdPoll is how often a process looks at its bells if it cannot sleep on all of them.
const crowdPoll = time.Millisecond

// crowded guards the warning about that, given once per process.
var crowded sync.Once

// sleep sleeps until a bell changes or timeout has passed (0: none). A notifier
// that cannot take so many bells sleeps on some of them, and for a short time.
func (n *Node) sleep(timeout time.Duration) {
	bells := n.watch.bells
	if m, ok := n.cfg.Notifier.(interface{ Max() int }); ok && len(bells) > m.Max() {
		bells, timeout = bells[:m.Max()], crowdPoll
		crowded.Do(func() {
			n.cfg.Log.Warn("more peers than this process can sleep on: it polls; set UNDERSTUDY_NOTIFIER=eventfd", "peers", len(n.watch.bells), "limit", m.Max())
		})
	}
	spin := &n.watch.spin
	begun := spin.now()
	err := n.cfg.Notifier.Wait(bells, timeout)
	spin.slept(begun, n.beside)
	if err != nil {
		n.cfg.Log.Error("waiting failed", "err", err)
		time.Sleep(crowdPoll)
	}
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// refresh makes the lists again if lanes have come or gone.
func (n *Node) refresh() {
	w := &n.watch
	c := n.changes.Load()
	if c == w.changes {
		return
	}
	seen := make(map[transport.Word]uint32, len(w.bells))
	for _, b := range w.bells {
		seen[b.Word] = b.Seen
	}
	w.changes, w.lanes = c, new(lanes)
	add := func(word transport.Word) {
		w.bells = append(w.bells, transport.Bell{Word: word, Seen: seen[word], FD: -1})
	}
	for _, t := range *n.targets.Load() {
		if t == nil || t.box == nil || t.gone.Load() != nil {
			continue // it has ended, and nothing more comes from it
		}
		w.sleeps = append(w.sleeps, t.box.Sleep())
		if p := t.box.Peer(); p != nil {
			w.outs, w.peers = append(w.outs, t), append(w.peers, p)
			add(p.Bell())
		}
	}
	for _, b := range n.openBoxes() {
		w.ins = append(w.ins, b)
		w.sleeps = append(w.sleeps, b.Sleep())
		add(b.Bell())
	}
	n.buryHolding()
}

// openBoxes returns all lanes to this actor, including those that have to wait.
func (n *Node) openBoxes() (all []*inbox) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.byID {
		all = append(all, s.boxes...)
	}
	return all
}

// look handles the bells that have changed: it passes replies to their askers, room to
// waiting senders, and messages to the actor's loop.
func (n *Node) look(w waiting) {
	k := &n.watch
	mail := false
	for i := range k.bells {
		b := &k.bells[i]
		// The bell is read before what it announces, so that a change in between is
		// seen the next time.
		v := b.Word.Load()
		if v == b.Seen {
			continue
		}
		b.Seen = v
		if i < len(k.outs) {
			k.outs[i].asks.look(k.peers[i])
			k.outs[i].credit()
		} else {
			k.ins[i-len(k.outs)].rang()
			mail = true
		}
	}
	if mail {
		n.rang()
		if !w.loop() {
			n.wakeLoop()
		}
	}
}

// quiet says whether no bell has changed and no lane has come since look.
func (n *Node) quiet() bool {
	k := &n.watch
	if n.changes.Load() != k.changes {
		return false
	}
	for i := range k.bells {
		if k.bells[i].Word.Load() != k.bells[i].Seen {
			return false
		}
	}
	return true
}

// setArmed tells all peers that this process is going to sleep, or that it is awake.
func (n *Node) setArmed(yes bool) {
	for _, s := range n.watch.sleeps {
		if yes {
			s.Arm()
		} else {
			s.Disarm()
		}
	}
}

func isFull(err error) bool { return err != nil && errors.Is(err, mailbox.ErrFull) }

// beside says whether a peer that has woken this process was then on the processor on
// which this thread is now.
func (n *Node) beside() bool {
	here := notify.CPU()
	if here == 0 {
		return false
	}
	for _, p := range n.watch.peers {
		if p.Page.Rang.Load() == here {
			return true
		}
	}
	for _, b := range n.watch.ins {
		if b.Rang() == here {
			return true
		}
	}
	return false
}
