package actor

import (
	"context"
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// Buffer is memory that travels with a message without being copied; see
// mailbox.Buffer.
type Buffer = mailbox.Buffer

// View is a field of bytes that the receiver reads in place, in the mailbox or in a
// shared segment, instead of in a copy of its own. The sender sets it to any []byte,
// which is copied once and remains the sender's.
//
// A handler may read a View until it returns, and must not write to it: most of it is
// mapped read-only, and a write ends the process with a fault. Later use is not
// detected, unlike that of a Buffer: it may find another message, or fault. Copy what
// you keep (bytes.Clone). Views in an answer to Ask, and in the state that OnState gets,
// are copies that stay valid. One side may declare the field as a View and the other as
// a []byte.
type View = codec.View

// File is an open file that travels with a message; see mailbox.File.
type File = mailbox.File

// Urgent marks a message that overtakes its sender's messages that are not urgent:
// embed it. It takes no space, neither in memory nor on the way.
//
//	type Cancel struct {
//		actor.Tells[Worker]
//		actor.Urgent
//		Job int
//	}
//
// The receiver's mailbox must have mailbox.Config.Priorities, whose comment says what
// order holds and how much room is reserved. Without it the receiver's start fails, and
// so does the send, with a *mailbox.PriorityError. An urgent message cannot contain
// a File.
type Urgent = mailbox.Urgent

// Tell sends m to ref. If it returns nil, m is in the mailbox, which outlives the
// actor; it does not mean that m was handled. If the mailbox is full, Tell does what
// mailbox.Config.Full says: by default it waits until there is room or ctx ends. If
// there is room, it sends even if ctx has ended. While the actor is being restarted,
// messages wait in the mailbox. A process learns a moment later that an actor has ended
// for good: what it tells the actor until then becomes a dead letter, like everything
// unread. An actor's own code that tells its actor never waits but gets ErrFull, since
// the actor handles nothing before that code has returned.
//
// Errors are a *GoneError if the actor has ended for good, an *UnreachableError if
// only this process cannot reach it, an *UnknownError if ref addresses nothing,
// ErrFull, a *transport.SizeError for a message larger than the mailbox allows,
// ErrNoProgram, ErrEnded, or the context.Cause of ctx. After an error nothing was sent,
// and the Buffers in m still belong to the caller. (A group, and a pool that broadcasts, are different:
// a *TellAllError names the members that did not get m.)
func Tell[P any, M ToldTo[P]](ctx context.Context, ref Ref[P], m M) error {
	// Inlined, so that m is made where it is sent from: a copy of what has just
	// been written would wait until all earlier writes are in the cache.
	return tell(ctx, ref.ID, &m)
}

// tell is Tell of what m, a pointer, points to. It serves most messages itself: those
// to a target that was told something before and has room in its mailbox. In all other
// cases it has sent nothing, and tellAny starts over.
func tell(ctx context.Context, id uint32, m any) error {
	if c, ok := ctx.(*Context); ok {
		if t := c.targets[id%lately].Load(); t != nil && t.ID == id {
			if box := t.Open(); box != nil && mailbox.Tell(box, m) {
				return nil
			}
		}
	}
	return tellAny(ctx, id, m)
}

// tellAny is tell of any message, in any state of its target.
func tellAny(ctx context.Context, id uint32, m any) error {
	t, err := target(ctx, id)
	if err != nil {
		return err
	}
	if t.Pool != nil {
		return tellPool(ctx, t.Pool, m)
	}
	box, err := t.Outbox()
	if err != nil {
		return public(err)
	}
	mt, err := codec.OfPointer(m)
	if err != nil {
		return err
	}
	if err := mailbox.Send(box, wire.EntryTell, 0, 0, mt, m); err != nil {
		return sendSlowly(ctx, t, box, wire.EntryTell, 0, 0, mt, m, err)
	}
	if c, ok := ctx.(*Context); ok {
		c.targets[id%lately].Store(t)
	}
	return nil
}

// sendSlowly continues with a send that has failed with err. If it has to wait, it
// waits with a copy of the message, so that m stays on the stack when there is room.
func sendSlowly(ctx context.Context, t *node.Target, box *mailbox.Outbox, kind uint8, ask uint64, deadline int64, mt *codec.Type, m any, err error) error {
	if errors.Is(err, mailbox.ErrFull) {
		waiting := mt.Copy(m)
		var drop func() // an ask has an outcome: it is not dropped
		if kind == wire.EntryTell {
			drop = func() { mailbox.Discard(mt, waiting) }
		}
		send := func() error { return mailbox.Send(box, kind, ask, deadline, mt, waiting) }
		if mt.Urgent() {
			err = t.UrgentWhenFull(waitContext(ctx), err, send, drop)
		} else {
			err = t.WhenFull(waitContext(ctx), err, send, drop)
		}
	}
	if g := new(node.GoneError); err != nil && !errors.As(err, &g) {
		if gone := t.WhyClosed(); gone != nil {
			err = gone // the lane was closed under the send
		}
	}
	return public(err)
}

// Ask sends m to ref and waits for the answer. The deadline and the cancellation of
// ctx reach the handler through its Context.
//
// It has exactly one outcome: the answer; a *RemoteError, the error that the
// handler returned; a *DeathError if the actor died with m in hand; a *GoneError
// if the actor has ended for good; the context.Cause of ctx, after which a late answer is
// dropped and counted; or, if m was not sent, one of the errors of Tell. If the actor
// dies before it has read the ask, the next incarnation answers it. Buffers in the
// answer belong to the caller, who releases them.
//
// While 256 asks of this process to ref are unanswered, a further one waits for its
// turn.
//
// An actor handles one message at a time: a handler that asks its own actor gets
// ErrCallingSelf at once, and two actors that ask each other wait until their contexts
// end.
func Ask[P, R any, M AskedOf[P, R]](ctx context.Context, ref Ref[P], m M) (R, error) {
	var r R
	if ctx.Err() != nil {
		return r, context.Cause(ctx) // nobody would wait for the answer
	}
	t, err := target(ctx, ref.ID)
	if err != nil {
		return r, err
	}
	if t.Pool != nil {
		return askPool[P, R](ctx, t.Pool, m)
	}
	mt, err := codec.Of[M]()
	if err != nil {
		return r, err
	}
	r, _, err = askTarget[P, R](ctx, t, mt, &m)
	return r, public(err)
}

// askTarget asks one actor. sent says whether the ask is in its mailbox.
func askTarget[P, R any, M AskedOf[P, R]](ctx context.Context, t *node.Target, mt *codec.Type, m *M) (r R, sent bool, err error) {
	rt, err := codec.Of[R]()
	if err != nil {
		return r, false, err
	}
	if t.IsSelf() && ownCode() {
		return r, false, fmt.Errorf("actor: ask of %s: %w", t.Name, ErrCallingSelf)
	}
	a, err := t.NewAsk(ctx)
	if err != nil {
		return r, false, err
	}
	// The outbox is looked up after the ask is registered: if the target ends from now
	// on, the ask fails.
	box, err := t.Outbox()
	if err != nil {
		a.Abandon()
		return r, false, err
	}
	var deadline int64
	if d, ok := ctx.Deadline(); ok {
		deadline = node.At(d)
	}
	if err := mailbox.Send(box, wire.EntryAsk, a.ID, deadline, mt, m); err != nil {
		if err := sendSlowly(ctx, t, box, wire.EntryAsk, a.ID, deadline, mt, m, err); err != nil {
			a.Abandon()
			return r, false, err
		}
	}
	p, body, err := a.Wait(waitContext(ctx))
	if err == nil {
		err = mailbox.DecodeReply(p, body, rt, &r)
		if errors.Is(err, mailbox.ErrNotAnnounced) {
			r, err = decodeLater[R](ctx, t.Node(), p, body, rt)
		}
		if _, said := err.(*RemoteError); err != nil && !said {
			a.Refuse()
		}
	}
	a.Free()
	if err != nil && errors.Is(err, mailbox.ErrUnhandled) {
		err = fmt.Errorf("%s: %w", mt.Name(), err) // the receiver knows only the type's number
	}
	return r, true, err
}

// decodeLater decodes a reply whose segment is still on its way. It is a function of
// its own so that other replies stay on the stack.
func decodeLater[R any](ctx context.Context, n *node.Node, p *mailbox.Peer, body []byte, t *codec.Type) (r R, err error) {
	err = n.WhenAnnounced(ctx, func() error { return mailbox.DecodeReply(p, body, t, &r) })
	return r, err
}

// Lend returns a Buffer of n bytes that is shared with ref's process. Fill it in place
// and send it to ref as a field of a message: it is not copied. Release it if it is not
// sent; releasing a buffer that was sent does nothing, so that defer b.Release() is
// always right. If all memory for ref is lent, Lend does what mailbox.Config.Full says:
// by default it waits until some has come back or ctx ends. If there is memory, Lend
// succeeds even if ctx has ended. n may be 0, and at most mailbox.Config.MaxBytes. To
// lend memory for a pool, Pick a member first.
//
// Memory comes back when ref's handlers return and what they keep is released. Two actors
// that hold all that the other one can lend, and whose handlers lend for each other, wait
// until their contexts end. The context of a told message has no end: use one with a
// deadline.
func Lend[P any](ctx context.Context, ref Ref[P], n int) (Buffer, error) {
	t, err := target(ctx, ref.ID)
	if err == nil {
		err = needsOne(t, "Lend")
	}
	if err != nil {
		return Buffer{}, err
	}
	box, err := t.Outbox()
	if err != nil {
		return Buffer{}, public(err)
	}
	b, err := box.Lend(n)
	if err == nil {
		return b, nil
	}
	if errors.Is(err, mailbox.ErrFull) {
		// There is no message to drop yet.
		err = t.WhenFull(waitContext(ctx), err, func() error { b, err = box.Lend(n); return err }, nil)
	}
	if err != nil {
		if gone := t.WhyClosed(); gone != nil {
			err = gone // the lane was closed meanwhile
		}
	}
	return b, public(err)
}

// Explain says how m would travel to ref and why: in an entry of the queue, in a block
// or in its lent buffers; see mailbox.Choice. It sends nothing, and the Buffers in m
// still belong to the caller.
func Explain[P, M any](ctx context.Context, ref Ref[P], m M) (mailbox.Choice, error) {
	t, err := target(ctx, ref.ID)
	if err == nil {
		err = needsOne(t, "Explain")
	}
	if err != nil {
		return mailbox.Choice{}, err
	}
	mt, err := codec.Of[M]()
	if err != nil {
		return mailbox.Choice{}, err
	}
	box, err := t.Outbox()
	if err != nil {
		return mailbox.Choice{}, public(err)
	}
	return mailbox.ChooseFor(box, mt, &m)
}

// Lookup returns the Ref of the child with that name: its path below the program's
// supervisor, such as "totals", "pair/left", or "pool/1" for a member of a pool. If
// several children have had that name, one that has not ended is preferred. If there is
// no such child, perhaps because it has not been started yet, the error is an
// *UnknownError. Lookup does not check that the child speaks protocol P: one that does
// not has no handler for what it is sent. Find of package supervisor checks it.
func Lookup[P any](ctx context.Context, name string) (Ref[P], error) {
	h := hostOf(ctx)
	if h == nil {
		return Ref[P]{}, ErrNoProgram
	}
	id, err := h.node.Resolve(ctx, name)
	return Ref[P]{ID: id}, err
}

// target finds the way to an actor from the program that ctx belongs to.
func target(ctx context.Context, id uint32) (*node.Target, error) {
	h := hostOf(ctx)
	if h == nil {
		return nil, ErrNoProgram
	}
	if t := h.node.Known(id); t != nil {
		return t, nil
	}
	return h.node.Target(ctx, id)
}
