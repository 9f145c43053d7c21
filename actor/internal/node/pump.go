package node

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

// sender is one child that sends to this actor: the lanes of its incarnations, the
// oldest first. The first lane is read to its end before the next, so that what an
// earlier incarnation has sent is handled before what its successor sends. While the
// sender is being replaced, both are alive and both lanes are read.
type sender struct {
	boxes []*inbox // guarded by Node.mu; copied on write
}

// inbox is one lane to this actor.
type inbox struct {
	*mailbox.Inbox
	retired atomic.Bool // the sender is dead, the tail is final
	over    bool        // read to its end; guarded by Node.mu
	broken  bool        // the sender broke the rules; owned by the loop
	msg     mailbox.Message

	rung atomic.Uint64 // counts changes of the sender's bell

	wanted  atomic.Int32 // answers that wait for a block of this lane: len(waiting)
	rooms   sync.Mutex
	waiting []chan struct{} // tells these answers to look again; guarded by rooms

	until time.Time // msg names what has not come: the lane is left alone, at most until then; owned by the loop
	tried uint64    // Node.arrivals when that was last looked for

	older  atomic.Pointer[inbox] // the lane of the sender's previous incarnation, if it has not been read to its end
	gate   uint64                // older has to be read up to here first; owned by the loop
	behind bool                  // gate is set
}

// turn is how many messages of one sender are handled before it is the next sender's
// turn.
const turn = 64

// streaming is a number of messages that come together only from a busy sender.
const streaming = 3

// plenty is a number of messages with lent buffers that takes so long to handle, longer
// than small ones, that it has left the sender's lines alone for a while.
const plenty = 8

// Serve handles messages until the supervisor asks for a stop, stop is
// closed, or the link ends. It returns the reason, or a ParkedError.
func (n *Node) Serve(h map[codec.ID]mailbox.Handler, onDown func(wire.Exit), stop *atomic.Bool) (reason string, err error) {
	if n.table == nil {
		n.table, n.onDown = mailbox.NewHandlers(h), onDown
	}
	w := &loopWait{n: n}
	concerned, hold := false, false // see replacing
	for {
		if n.system.Load() && n.system.Swap(false) || concerned {
			n.mu.Lock()
			reason, stopped, err := n.stop, n.stopped, n.closed
			n.mu.Unlock()
			if err != nil {
				return "", err
			}
			if stopped {
				return reason, nil
			}
			held := hold || n.StandsBy()
			if !held {
				n.deliverDowns()
			}
			if concerned, hold = n.replacing(); hold {
				if stop.Load() { // the function given to OnHandover called Stop
					return "normal", nil
				}
				_ = n.await(nil, &systemWait{n}, n.wake)
				continue
			}
			if held {
				n.deliverDowns()
			}
		}
		if stop.Load() { // the Setup, or the handler of a notice, called Stop
			return "normal", nil
		}
		draining := n.draining.Load() // if so, no lane gets longer
		busy := n.round(stop)
		if stop.Load() {
			return "normal", nil
		}
		if draining && !busy && n.awaited.Load() == 0 {
			return wire.ReasonShutdown, nil
		}
		if !busy && !n.glance(w) {
			if !concerned && n.settles(w) {
				return "", ParkedError{}
			}
			_ = n.awaitUntil(nil, w, n.wake, n.latest())
		}
	}
}

// loopWait waits for anything that the actor's loop can do.
type loopWait struct{ n *Node }

func (w *loopWait) loop() bool  { return true }
func (w *loopWait) ready() bool { return w.poll() }

// width: up to eight lanes take about as long as one.
func (w *loopWait) width() int { return max(1, len(*w.n.heads.Load())/8) }

func (w *loopWait) poll() bool {
	if w.n.system.Load() {
		return true
	}
	if w.n.awaited.Load() > 0 {
		return w.n.readable()
	}
	heads := *w.n.heads.Load()
	for _, b := range heads {
		if b.retired.Load() || !b.broken && b.Pending() {
			return true
		}
	}
	if len(heads) <= fewLanes {
		for _, b := range heads {
			b.Expect()
		}
	}
	return false
}

// fewLanes is up to how many lanes it pays to prepare for the next message of each.
const fewLanes = 4

// setHeads makes the list of the lanes to read: the oldest of each sender. n.mu is held.
func (n *Node) setHeads() {
	var heads []*inbox
	for _, s := range n.byID {
		var older *inbox
		for _, b := range s.boxes {
			b.older.Store(older)
			older = b
			heads = append(heads, b)
		}
	}
	n.heads.Store(&heads)
	n.changes.Add(1)
}

// round gives every sender a turn, and says whether there was anything to do.
func (n *Node) round(stop *atomic.Bool) (busy bool) {
	stream, more := false, false
	for _, b := range *n.heads.Load() {
		// Read before the queue: if the sender is dead, empty means empty for good.
		retired := b.retired.Load()
		limit := turn
		if o := b.older.Load(); o != nil && (o.retired.Load() || !retired) {
			if !b.mayFollow(o) {
				busy = busy || b.behind && !b.heldUp()
				continue
			}
			limit = 1
		}
		handled, empty := n.drain(b, limit, stop)
		if limit == 1 {
			b.Flush(&b.msg) // the next message may take a while
		}
		busy = busy || handled > 0
		lent := b.Lent()
		stream, more = stream || handled >= streaming && lent < plenty, more || b.More()
		if empty && retired {
			n.finish(b)
			busy = true
		}
		if stop.Load() || n.system.Load() {
			return true
		}
	}
	if stream && !more && polls.Load() {
		// A sender is busy. Without a pause the line of its tail would go back and forth
		// with every message; after a pause there are several messages again. A message
		// that comes alone is met by a round without a pause.
		notify.Pause()
	}
	return busy
}

// mayFollow says whether the next message of b may be handled while older, the lane of
// the sender's previous incarnation, has not been read to its end. That sender is being
// replaced: its successor sends first during its Setup and then, when its predecessor
// has ended, as the actor. So what is visible in older when b shows a message comes
// first; and if the previous incarnation is dead, everything that it has sent. A
// successor that has died while its predecessor lives never was the actor: its messages
// need not wait.
func (b *inbox) mayFollow(older *inbox) bool {
	if older.retired.Load() || b.broken || !b.behind && !b.Pending() {
		return false
	}
	if dead := older.older.Load(); dead != nil && dead.retired.Load() {
		return false
	}
	if !b.behind {
		b.gate, b.behind = older.Published(), true
	}
	if older.broken || older.ReadTo() >= b.gate && !older.awaits() {
		b.behind = false
		return true
	}
	return false
}

// drain handles the messages of b that have come by now, up to limit of them. It returns
// how many, and whether there are no more.
func (n *Node) drain(b *inbox, limit int, stop *atomic.Bool) (handled int, empty bool) {
	if b.broken {
		return 0, true
	}
	if b.awaits() && !n.comes(b) {
		return 0, false
	}
	m := &b.msg
	if !b.Look(m) {
		b.Flush(m)
		return 0, true
	}
	for {
		ran, err := b.Run(m, n.table, limit-handled, stop, &n.system)
		handled += ran
		if err != nil {
			n.failed(m, err)
			b.Done(m)
			handled++
		} else if ran == 0 {
			err := b.Next(m)
			if err == transport.ErrEmpty {
				b.Flush(m)
				return handled, true
			}
			if b.awaits() || errors.Is(err, mailbox.ErrNotAnnounced) {
				if err = n.later(b, err); err == errLater {
					return handled, false
				}
			}
			if err != nil {
				n.breakLane(b, err)
				return 1, true
			}
			n.handle(m)
			b.Done(m)
			handled++
		}
		if stop.Load() || n.system.Load() {
			b.Flush(m)
			return handled, false
		}
		if handled >= limit || !b.More() {
			b.Settle(m)
			return handled, false
		}
	}
}

// Closed says whether the link has ended.
func (n *Node) Closed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.over
}

// handle gives one message to its handler.
func (n *Node) handle(m *mailbox.Message) {
	ask := m.Head.Kind == wire.EntryAsk
	if ask && (m.Box.Cancelled(m) || expired(m.Head.Deadline)) {
		n.Skipped.Add(1)
		return
	}
	h := n.table.Of(m.Type())
	if h == nil {
		n.unhandled(m)
		return
	}
	if err := h(m, m.Body()); err != nil {
		n.failed(m, err)
	}
}

// failed reports a message whose handler has returned err. In a process that is about to
// kill itself it never returns: what the handler was waiting for was killed first, so its
// error means nothing, and the message stays in hand.
func (n *Node) failed(m *mailbox.Message, err error) {
	if hosting.Doomed.Load() {
		select {}
	}
	if m.Head.Kind == wire.EntryAsk {
		mailbox.ReplyError(m, err)
		return
	}
	n.Letter(&wire.Letter{From: m.Box.From, To: n.begin.Self.ID, Type: m.Head.Type, Size: uint64(m.Size()),
		Reason: wire.LetterHandlerError, Seq: m.Seq(), Text: err.Error()})
}

// unhandled answers a message that no handler takes.
func (n *Node) unhandled(m *mailbox.Message) {
	err := n.whyUnhandled(m.Type())
	if m.Head.Kind == wire.EntryAsk {
		mailbox.ReplyError(m, err)
		return
	}
	n.Letter(&wire.Letter{From: m.Box.From, To: n.begin.Self.ID, Type: m.Head.Type, Size: uint64(m.Size()),
		Reason: wire.LetterUnhandled, Seq: m.Seq(), Text: err.Error()})
}

// whyUnhandled distinguishes a message that has no handler from one whose type has
// another structure in the sender's build.
func (n *Node) whyUnhandled(id codec.ID) error {
	for known := range n.table.All() {
		if known.Name() == id.Name() {
			return fmt.Errorf("actor %s: message type %#x has another structure here (%#x): the two programs were built from different sources: %w",
				n.begin.Name, uint64(id), uint64(known), mailbox.ErrUnhandled)
		}
	}
	return fmt.Errorf("actor %s: message type %#x: %w; its Setup must call OnTell or OnAsk for it", n.begin.Name, uint64(id), mailbox.ErrUnhandled)
}

// expired says whether a deadline on the monotonic clock has passed.
func expired(deadline int64) bool { return deadline != 0 && Monotonic() > deadline }

// breakLane ends a lane whose sender broke the rules. Other lanes go on.
func (n *Node) breakLane(b *inbox, err error) {
	b.broken = true
	n.cfg.Log.Error("lane closed: its sender broke the rules", "from", b.Name, "err", err)
	n.Letter(&wire.Letter{From: b.From, To: n.begin.Self.ID, Reason: wire.LetterCorrupt, Text: err.Error()})
}

// finish ends the lane of a dead sender that has been read to its end.
func (n *Node) finish(b *inbox) {
	if !b.broken {
		b.Flush(&b.msg)
	}
	n.mu.Lock()
	b.over = true
	s := n.byID[b.From.ID]
	s.boxes = slices.DeleteFunc(slices.Clone(s.boxes), func(x *inbox) bool { return x == b })
	n.dead().boxes = append(n.dead().boxes, b)
	n.setHeads()
	n.mu.Unlock()
	n.cfg.Notifier.Interrupt()
	n.bury()
	n.report(&wire.Drained{From: b.From}, "drained lane could not be reported")
	n.deliverDowns()
}
