package node

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
)

// waiting is something that a goroutine waits for.
type waiting interface {
	ready() bool // it has happened; any goroutine may ask
	poll() bool  // look for it where it will appear; only the waiter may
	loop() bool  // it is the actor's loop that waits
	spins() bool // it may come within a microsecond
}

// watch is what the waiter looks at. It belongs to the role's holder.
type watch struct {
	outs    []*Target
	peers   []*mailbox.Peer // of outs, as they were when the list was made
	ins     []*inbox
	bells   []transport.Bell // of peers, then of ins
	states  []transport.Word // where this process says that it sleeps
	changes uint64           // Node.changes when the lists were made
	spin    spinner
	crowded bool // the warning of sleep was given
}

// Polled is a context whose end rings a bell of this node, or is a deadline: the
// waiter looks at its Err, and no goroutine has to watch it.
type Polled struct{ context.Context }

// limit is what ends a wait that is not ready.
type limit struct {
	ctx    context.Context
	done   <-chan struct{}
	polled *Polled
}

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
	if l.polled != nil {
		return l.polled.Err() != nil
	}
	return closed(l.done)
}

// err is why it has to end.
func (l *limit) err() error {
	if l.polled != nil {
		return l.polled.Err()
	}
	return context.Cause(l.ctx)
}

// left is how long the waiter may sleep; 0 means without end.
func (l *limit) left() time.Duration {
	if l.polled != nil {
		if d, ok := l.polled.Deadline(); ok {
			return max(time.Until(d), 1)
		}
	}
	return 0
}

// await blocks until w is ready or ctx ends. It waits itself if nobody else
// does; otherwise ev tells when w may be ready.
func (n *Node) await(ctx context.Context, w waiting, ev <-chan struct{}) error {
	l := limitOf(ctx)
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
	if l.polled != nil {
		// Most others hold the role for a moment only. Who waits for long needs
		// somebody to watch the message in hand.
		t := time.NewTimer(watchAfter)
		defer t.Stop()
		select {
		case <-n.role:
			n.holdRole(l, w)
			n.role <- struct{}{}
			return
		case <-ev:
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
	case <-done:
	}
}

// watchAfter is how long a wait in a handler goes without a watch of its own.
const watchAfter = time.Millisecond

// holdRole polls, and then sleeps, until w is ready or l is over.
func (n *Node) holdRole(l *limit, w waiting) {
	n.refresh()
	if w.spins() && n.spinFor(w) {
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

// crowdPoll is how often a process looks at its bells that cannot sleep on all
// of them.
const crowdPoll = time.Millisecond

// sleep sleeps until a bell changes or timeout has passed (0: none). A notifier
// that cannot take so many bells sleeps on some of them, and for a short time.
func (n *Node) sleep(timeout time.Duration) {
	bells := n.watch.bells
	if m, ok := n.cfg.Notifier.(interface{ Max() int }); ok && len(bells) > m.Max() {
		bells, timeout = bells[:m.Max()], crowdPoll
		if !n.watch.crowded {
			n.watch.crowded = true
			n.log.Warn("more peers than this process can sleep on: it polls; set UNDERSTUDY_NOTIFIER=eventfd", "peers", len(n.watch.bells), "limit", m.Max())
		}
	}
	if err := n.cfg.Notifier.Wait(bells, timeout); err != nil {
		n.log.Error("waiting failed", "err", err)
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

// refresh makes the lists anew when lanes have come or gone.
func (n *Node) refresh() {
	w := &n.watch
	c := n.changes.Load()
	if c == w.changes && w.bells != nil {
		return
	}
	seen := make(map[transport.Word]uint32, len(w.bells))
	for _, b := range w.bells {
		seen[b.Word] = b.Seen
	}
	w.changes = c
	w.outs, w.peers, w.ins, w.bells, w.states = nil, nil, nil, []transport.Bell{}, nil
	add := func(word transport.Word) {
		w.bells = append(w.bells, transport.Bell{Word: word, Seen: seen[word], FD: -1})
	}
	for _, t := range *n.targets.Load() {
		if t == nil || t.box == nil || t.gone.Load() != nil {
			continue // nothing more comes from one that has ended
		}
		w.states = append(w.states, t.box.State())
		if p := t.box.Peer(); p != nil {
			w.outs, w.peers = append(w.outs, t), append(w.peers, p)
			add(p.Bell())
		}
	}
	for _, b := range n.openBoxes() {
		w.ins = append(w.ins, b)
		w.states = append(w.states, b.State())
		add(b.Bell())
	}
	n.buryHolding()
}

// openBoxes is all lanes to this actor, those that have to wait included.
func (n *Node) openBoxes() (all []*inbox) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.byID {
		all = append(all, s.boxes...)
	}
	return all
}

// look deals with the bells that have changed: replies are handed to their
// askers, room to those who wait for it, and messages to the actor's loop.
func (n *Node) look(w waiting) {
	k := &n.watch
	mail := false
	for i := range k.bells {
		b := &k.bells[i]
		// The bell is read before what it speaks of, so that a change in
		// between is seen the next time.
		v := b.Word.Load()
		if v == b.Seen {
			continue
		}
		b.Seen = v
		if i < len(k.outs) {
			k.outs[i].asks.look(k.peers[i])
			k.outs[i].credit()
		} else {
			k.ins[i-len(k.outs)].rung.Add(1)
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

// setArmed says to all peers that this process is going to sleep, or that it
// is awake.
func (n *Node) setArmed(yes bool) {
	for _, s := range n.watch.states {
		if yes {
			s.Or(transport.StateArmed)
		} else {
			s.And(^uint32(transport.StateArmed))
		}
	}
}

// spinner decides whether polling before sleeping pays. Both sides of a lane
// have one, and polling pays only while both poll: so a try is a streak, long
// enough for the other side to wake up and try as well.
type spinner struct {
	score atomic.Int32 // above zero: polling has lately found something; the holder of the role writes it
	skips int          // sleeps without polling since the last try
}

// The bounds of polling.
const (
	burst    = 64                     // polls between two looks at the other bells
	bursts   = 16                     // between two looks at the clock, and two yields
	spinTime = 100 * time.Microsecond // longer than a wake-up of the other side takes
	glances  = 512                    // polls before the role is taken
	maxScore = 16
	missCost = 4  // a miss costs as much as so many hits bring
	retry    = 32 // after so many sleeps polling is tried again
)

var (
	oneCPU = runtime.NumCPU() == 1
	// With one thread for Go code, another goroutine can run only if the
	// waiter yields. With more it has a thread of its own, and yielding would
	// wake that thread each time.
	oneProc = func() bool { return runtime.GOMAXPROCS(0) == 1 }
)

// spinFor polls for w for a short while, if that has lately been worth it.
func (n *Node) spinFor(w waiting) bool {
	s := &n.watch.spin
	if w.poll() {
		return true
	}
	if oneCPU || !s.worth() {
		return false
	}
	var deadline time.Time
	for {
		for range bursts {
			for range burst {
				if w.poll() {
					s.score.Store(min(s.score.Load()+1, maxScore))
					return true
				}
			}
			n.look(w)
		}
		if n.changes.Load() != n.watch.changes {
			n.refresh()
		}
		// The clock is looked at only after a thousand polls: between two
		// sides that are awake it never is.
		if now := time.Now(); deadline.IsZero() {
			deadline = now.Add(spinTime)
		} else if now.After(deadline) {
			s.score.Add(-missCost)
			return false
		}
		if oneProc() {
			runtime.Gosched()
		}
		notify.Yield() // the peer may be waiting for this core
	}
}

// glance polls for the actor's loop before it takes the waiter's role: between
// two sides that are awake the next message is there before it could.
func (n *Node) glance(w *loopWait) bool {
	if oneCPU || n.watch.spin.score.Load() <= 0 {
		return false
	}
	for range glances {
		if w.poll() {
			return true
		}
	}
	return false
}

// worth says whether to poll this time.
func (s *spinner) worth() bool {
	if s.score.Load() > -missCost {
		return true
	}
	if s.skips++; s.skips < retry {
		return false
	}
	s.skips = 0
	s.score.Store(missCost)
	return true
}

func isFull(err error) bool { return err != nil && errors.Is(err, mailbox.ErrFull) }
