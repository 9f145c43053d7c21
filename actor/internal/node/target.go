package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

var background = context.Background()

// Target is an actor that this process sends to.
type Target struct {
	ID   uint32
	Name string
	Pool *Pool // if the number stands for several actors; then the other fields are unused

	node *Node
	box  *mailbox.Outbox // nil if the target was already gone at first
	gone atomic.Pointer[GoneError]
	open atomic.Pointer[mailbox.Outbox] // box, until gone is set
	left atomic.Bool                    // it takes nothing more, but still answers
	asks askTable

	// Senders that wait for room.
	rooms   sync.Mutex
	waiting map[chan struct{}]struct{}
	credits atomic.Uint64 // counts changes that may have made room

	trimming atomic.Bool // see trimLater

	parts sync.Mutex // held while the supervisor is told of a part of the lane; see sendPart
}

// Node is this process's node.
func (t *Target) Node() *Node { return t.node }

// IsSelf says whether the target is the actor of this node.
func (t *Target) IsSelf() bool { return t.ID == t.node.begin.Self.ID }

// isCaller says whether the caller is the target's own code. While that waits, the
// target handles nothing.
func (t *Target) isCaller() bool {
	return t.IsSelf() && t.node.cfg.Waits != nil && t.node.cfg.Waits() != nil
}

// callersOwn is appended to ErrFull if the caller would wait for itself.
const callersOwn = ": the mailbox is the caller's own, which handles nothing before its code has returned: " +
	"tell it less at a time, or from a goroutine, with context.WithoutCancel(ctx)"

// Impatient says whether the mailbox of one of ts must not be waited for: it fails or drops
// when it is full, or is that of the actor whose own code is calling.
func Impatient(ts []*Target) bool {
	return slices.ContainsFunc(ts, func(t *Target) bool {
		return t.box != nil && mailbox.Full(t.box.Config.Full) != mailbox.Wait || t.isCaller()
	})
}

// GoneError says that nothing can be sent to a target: it has ended for good, or this
// process cannot reach it any more.
type GoneError struct {
	Name string
	Exit *wire.Exit // how its last incarnation ended; nil when the link was lost
	Lost error      // why the link was lost
}

func (e *GoneError) Error() string {
	if e.Lost != nil {
		return fmt.Sprintf("actor %s cannot be reached: %v", e.Name, e.Lost)
	}
	return fmt.Sprintf("actor %s has ended for good: %s", e.Name, e.Exit.Summary)
}

// Unwrap returns why the link was lost, if it was.
func (e *GoneError) Unwrap() error { return e.Lost }

// UnknownError says that no actor has that number or, if there is a name, that name.
type UnknownError struct {
	ID    uint32
	Name  string
	named bool // a name was looked for, even if it is empty
}

func (e *UnknownError) Error() string {
	if e.named {
		return fmt.Sprintf("no child of this program is called %q: a name is the path below the program's supervisor, such as \"pair/left\", "+
			"and is known as soon as the child's start has begun", e.Name)
	}
	if e.ID == 0 {
		return "the zero Ref addresses no actor: use a Ref that Start or Lookup has returned, or that has come in a message"
	}
	return fmt.Sprintf("no actor has number %d in this program: the Ref comes from another program, or is that of a group which is forgotten", e.ID)
}

// Known returns the target with that number if something was sent to it before.
func (n *Node) Known(id uint32) *Target {
	return n.targets.Load().find(id)
}

// Target returns the target with that number. The first call for a number asks the
// supervisor and opens a lane; later ones find it like Known.
func (n *Node) Target(ctx context.Context, id uint32) (*Target, error) {
	if t := n.Known(id); t != nil {
		return t, nil
	}
	f, err := n.call(ctx, nil, func(token uint64) wire.Frame { return &wire.Resolve{Token: token, ID: id} })
	if err != nil {
		return nil, err
	}
	return n.open(f.(*wire.Target), id)
}

// Resolve returns the number of the child with that name.
func (n *Node) Resolve(ctx context.Context, name string) (uint32, error) {
	f, err := n.call(ctx, nil, func(token uint64) wire.Frame { return &wire.Resolve{Token: token, Name: name} })
	if err != nil {
		return 0, err
	}
	if t := f.(*wire.Target); t.State != wire.TargetUnknown {
		return t.ID, nil
	}
	return 0, &UnknownError{Name: name, named: true}
}

// open opens the lane to a target that the supervisor has described.
func (n *Node) open(f *wire.Target, id uint32) (*Target, error) {
	if f.State == wire.TargetUnknown {
		return nil, &UnknownError{ID: id}
	}
	if f.State == wire.TargetFull {
		return nil, fmt.Errorf("mailbox of %s: messages of two earlier incarnations of this actor are unread: %w", f.Name, mailbox.ErrFull)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed != nil {
		return nil, n.closed
	}
	if t := n.Known(id); t != nil {
		return t, nil // another goroutine was faster, or it is a pool
	}
	if f.State == wire.TargetPool {
		return nil, fmt.Errorf("node: the supervisor has not told the members of %s", f.Name)
	}
	t := &Target{ID: id, Name: f.Name, node: n, waiting: map[chan struct{}]struct{}{}}
	if _, leaving := n.leaving[id]; leaving && f.State == wire.TargetAlive {
		t.left.Store(true)
		t.gone.Store(t.WhyClosed().(*GoneError))
		return t, nil
	}
	if f.State == wire.TargetGone {
		t.gone.Store(&GoneError{Name: f.Name, Exit: &f.Exit})
		return t, nil // not kept in the table: it may come back first
	}
	if err := n.openLane(t, f.Mailbox); err != nil {
		return nil, fmt.Errorf("lane to %s: %w", f.Name, err)
	}
	return t, nil
}

// openLane makes the lane to t, whose mailbox is as m says, and adds t to the targets.
// n.mu is held.
func (n *Node) openLane(t *Target, m wire.Mailbox) error {
	out, frame, files, err := lane.Create(lane.Config{Queue: m.Queue, Cells: int(m.RingBytes), Priority: m.Priority != 0}, t.ID, n.cfg.Notifier)
	if err != nil {
		return err
	}
	share := n.sharing(wire.Segment{Peer: wire.Addr{ID: t.ID}}, t.sendPart)
	share.Whole, share.Freed = t.trimLater, t.room
	t.box = mailbox.NewOutbox(m, out, share)
	t.open.Store(t.box)
	// Added before the supervisor is told, since the answer may come at once.
	n.addTarget(t)
	if err = n.send(frame, files...); err != nil {
		// Nobody holds the lane. Senders that have found it meanwhile get the error,
		// and the next one makes another lane.
		t.box.Shut()
		t.end(&GoneError{Name: t.Name, Lost: err})
		n.drop(t)
		n.dead().targets = append(n.dead().targets, t)
	} else {
		out.Sent()
	}
	n.changes.Add(1)
	n.cfg.Notifier.Interrupt()
	return err
}

func (n *Node) addTarget(t *Target) {
	n.targets.Store(new(n.targets.Load().with(t)))
}

// forget makes the next send to a target ask the supervisor again: an actor that had
// ended is back, or a group was forgotten.
func (n *Node) forget(id uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.leaving, id)
	if t := n.Known(id); t != nil && n.closed == nil && (t.gone.Load() != nil || t.Pool != nil && t.Pool.Group()) {
		n.drop(t)
		n.changes.Add(1)
	}
}

// drop removes a target that had ended from the table. The next sender asks the
// supervisor again. n.mu is held.
func (n *Node) drop(t *Target) {
	if n.Known(t.ID) != t {
		return
	}
	n.targets.Store(new(n.targets.Load().without(t)))
	if t.Pool == nil {
		if n.past == nil {
			n.past = &mailbox.Traffic{}
		}
		n.past.Add(t.box.Traffic())
	}
}

// Outbox returns the way into the target's mailbox, or the error that says that it has
// ended for good.
func (t *Target) Outbox() (*mailbox.Outbox, error) {
	if g := t.gone.Load(); g != nil {
		return nil, g
	}
	return t.box, nil
}

// Open returns the way into the target's mailbox if the target is a single actor that
// has not ended, and otherwise nil.
func (t *Target) Open() *mailbox.Outbox { return t.open.Load() }

// WhyClosed says why a send found the lane closed; nil if it is not closed.
func (t *Target) WhyClosed() error {
	if g := t.gone.Load(); g != nil {
		return g
	}
	if t.left.Load() {
		return &GoneError{Name: t.Name, Exit: &wire.Exit{Addr: wire.Addr{ID: t.ID}, Kind: wire.ExitNoTarget, Code: -1,
			Reason: wire.ReasonShutdown, Summary: wire.LeavingText}}
	}
	return nil
}

// maxLeaving bounds Node.leaving. A process that opens a lane to an actor that is not
// remembered is told that it is gone when the supervisor has the lane.
const maxLeaving = 1024

// leave closes the lane to a target that is about to end: it handles what is in its
// mailbox, and answers, but accepts nothing more.
func (n *Node) leave(id uint32) {
	n.mu.Lock()
	if n.Known(id) == nil { // another goroutine may be about to open the lane
		for old := range n.leaving {
			if len(n.leaving) < maxLeaving {
				break
			}
			delete(n.leaving, old)
		}
		if n.leaving == nil {
			n.leaving = map[uint32]struct{}{}
		}
		n.leaving[id] = struct{}{}
	}
	n.mu.Unlock()
	if t := n.Known(id); t != nil && t.Pool == nil && t.gone.Load() == nil {
		t.left.Store(true)
		t.box.Shut()
		t.room() // senders that wait for room wait in vain
	}
	n.report(&wire.Closed{To: id}, "a closed lane could not be reported")
}

// errNoLane says that the supervisor is not told of a part of a lane that has ended.
var errNoLane = errors.New("node: the lane has ended")

// sendPart tells the supervisor of a part of the lane to t, unless t has ended. The
// supervisor knows a lane only by its two ends: if it were told later, when the target is
// back and has a new lane from here, it would take the part for one of the new lane.
func (t *Target) sendPart(f wire.Frame, files ...transport.File) error {
	t.parts.Lock()
	defer t.parts.Unlock()
	if t.gone.Load() != nil {
		return errNoLane
	}
	return t.node.send(f, files...)
}

// end fails everything that waits for the target.
func (t *Target) end(g *GoneError) {
	if t.gone.CompareAndSwap(nil, g) {
		if g.Lost == nil { // it can come back: finish what is being told before that
			t.parts.Lock()
			t.parts.Unlock()
		}
		t.open.Store(nil)
		t.asks.failAll(g)
		t.credit()
		t.node.cfg.Notifier.Interrupt() // the waiter itself may be waiting for it
	}
}
