package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// TellAll sends m to every actor of refs as Tell does, but only once to an actor that
// is listed twice. If it returns nil, m is in all their mailboxes. Otherwise the error
// is a *TellAllError that says which actors did not get m, and why; all others have
// it. Actors whose mailboxes are full come last, so that they hold up no other; each
// is then treated as its mailbox.Config.Full says. Telling nobody, as with a group
// without members, is not an error here; Buffers in m are released then, too.
//
// A large payload is not copied for each actor: it is encoded once, into a segment
// that only these actors map. A buffer that LendAll has lent for them is not copied
// at all; its memory comes back when the last of them has released it or died. While
// all that these actors share is lent, TellAll waits for some of it before anybody gets
// a large payload; but if one of them is the caller, or its mailbox fails or drops when it
// is full, the payload is copied for each. A buffer that Lend has lent for one actor is
// copied for the others, and released.
func TellAll[P any, M ToldTo[P]](ctx context.Context, refs []Ref[P], m M) error {
	mt, err := codec.Of[M]()
	if err != nil {
		return err
	}
	c, err := newCast(ctx, refs)
	if err != nil {
		return err
	}
	err = c.tell(ctx, mt, &m)
	if err == nil && len(c.targets) == 0 {
		mailbox.Discard(mt, &m) // all of nobody have it
	}
	return err
}

// LendAll returns a Buffer of n bytes that is shared with the processes of refs. Fill
// it in place and send it in a message, by TellAll to these actors or by Tell to one of
// them: it is not copied. Release it if it is not sent. Actors that have ended for
// good are left out; it is an error if nobody is left, as with a group without members.
// If all memory that these actors share is lent, LendAll waits until some has come back
// or ctx ends; it fails with ErrFull if one of their mailboxes fails when it is full, or
// is the caller's own.
//
// Each set of actors has segments of its own, made when first needed and together no
// larger than mailbox.Config.PoolBytes, or up to twice as large beside buffers that these
// actors keep. A process keeps the segments of 16 sets. n is at most the smallest
// PoolBytes of the set. Of sets with more than 384 actors it keeps fewer than 16, and one of
// more than 6144 has no segments: LendAll fails, and TellAll copies a large payload for each.
//
// A caller that wants a large buffer can wait for long while others in this process
// keep lending small ones of the same set: here, unlike in the blocks of one mailbox,
// small ones do not make way for large ones. Give such a set room for both.
func LendAll[P any](ctx context.Context, refs []Ref[P], n int) (Buffer, error) {
	c, err := newCast(ctx, refs)
	if err != nil {
		return Buffer{}, err
	}
	if len(c.targets) == 0 {
		if err = c.err(); err == nil {
			err = errNobody
		}
		return Buffer{}, err
	}
	for {
		g, err := c.host.node.Shared(c.targets)
		if err != nil {
			return Buffer{}, fmt.Errorf("actor: LendAll: %w", public(err))
		}
		b, err := g.Lend(n)
		if errors.Is(err, mailbox.ErrFull) {
			err = c.host.node.WhenShared(waitContext(ctx), c.targets, func() error { b, err = g.Lend(n); return err })
		}
		if err == nil || !g.Closed() {
			return b, public(err)
		}
	}
}

var errNobody = errors.New("actor: LendAll for no actor: nobody would read the buffer; check first that there are Members")

// TellAllError says which actors did not get the message of a TellAll, or of a Tell to a
// group or to a pool that broadcasts, and why.
type TellAllError struct {
	Of     int            // actors that were to be told
	Failed []*MemberError // those that were not
}

func (e *TellAllError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "actor: %d of %d actors were not told", len(e.Failed), e.Of)
	const most = 3
	for i, f := range e.Failed {
		if i == most {
			fmt.Fprintf(&b, "; and %d more", len(e.Failed)-most)
			break
		}
		fmt.Fprintf(&b, "; %v", f)
	}
	return b.String()
}

// Unwrap returns the elements of Failed, for errors.Is and errors.As.
func (e *TellAllError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		errs[i] = f
	}
	return errs
}

// casting is the targets of one TellAll, and what went wrong with them.
type casting struct {
	host    *host
	targets []*node.Target // distinct, in the order of their numbers
	of      int            // actors that were to be told
	failed  []*MemberError
	urgent  bool // the message overtakes
}

// newCast finds the targets of refs. The members of a group, and of a pool that
// broadcasts, stand in its place.
func newCast[P any](ctx context.Context, refs []Ref[P]) (*casting, error) {
	c := &casting{host: hostOf(ctx)}
	if c.host == nil {
		return nil, ErrNoProgram
	}
	unknown := map[uint32]bool{}
	for _, r := range refs {
		if unknown[r.ID] {
			continue
		}
		t, err := c.host.node.Target(ctx, r.ID)
		switch {
		case err != nil:
			unknown[r.ID] = true
			c.fail(r.ID, "", err)
		case t.Pool != nil && t.Pool.Route < wire.RouteBroadcast:
			return nil, needsOne(t, "each Ref of a list of receivers")
		case t.Pool != nil:
			c.join(ctx, t.Pool)
		default:
			c.targets = append(c.targets, t)
		}
	}
	c.distinct()
	return c, nil
}

// join adds the members of a pool. Those that have ended are no longer members.
func (c *casting) join(ctx context.Context, p *node.Pool) {
	for _, id := range p.Members() {
		t, err := p.Member(ctx, id)
		if err == nil {
			c.targets = append(c.targets, t)
		} else if !hasEnded(err) {
			c.fail(id, "", err)
		}
	}
}

func (c *casting) distinct() {
	c.targets = node.Distinct(c.targets)
	c.of = len(c.targets) + len(c.failed)
}

func (c *casting) fail(id uint32, name string, err error) {
	if name == "" {
		name = fmt.Sprint("number ", id)
	}
	c.failed = append(c.failed, &MemberError{ID: id, Name: name, Err: public(err)})
}

// tell tells what m, a pointer, points to.
func (c *casting) tell(ctx context.Context, mt *codec.Type, m any) error {
	if len(c.targets) == 0 {
		return c.err()
	}
	c.urgent = mt.Urgent()
	if c.small(func(o *mailbox.Outbox) bool { return mailbox.Inline(o, mt, m) }) {
		send := func(o *mailbox.Outbox) error { return mailbox.Send(o, wire.EntryTell, 0, 0, mt, m) }
		c.each(ctx, send, nil)
		return c.err()
	}
	cast, err := c.encode(ctx, mt, m)
	if err != nil {
		for _, t := range c.targets {
			c.fail(t.ID, t.Name, err)
		}
		return c.err()
	}
	sent := false
	defer func() { cast.End(sent) }() // also after the panic of a dead buffer
	sent = c.each(ctx, cast.To, cast)
	return c.err()
}

func (c *casting) err() error {
	if len(c.failed) == 0 {
		return nil
	}
	return &TellAllError{Of: c.of, Failed: c.failed}
}

// small says whether the message is inline for all targets.
func (c *casting) small(inline func(*mailbox.Outbox) bool) bool {
	for _, t := range c.targets {
		if o, err := t.Outbox(); err == nil && !inline(o) {
			return false
		}
	}
	return true
}

// each sends to all targets, and then to those that were full, and says whether anybody
// has got the message. Of those that were full, the ones that have lent a buffer of cast
// are given it, one of them at the end.
func (c *casting) each(ctx context.Context, send func(*mailbox.Outbox) error, cast *mailbox.Cast) (sent bool) {
	try := func(t *node.Target, full func(error) error) {
		o, err := t.Outbox()
		if err == nil {
			if err = send(o); errors.Is(err, mailbox.ErrFull) {
				err = full(err)
			}
			if gone := t.WhyClosed(); err != nil && gone != nil {
				err = gone // the lane was closed under the send
			}
		}
		switch {
		case err == nil:
			sent = true
		case err != errLater:
			c.fail(t.ID, t.Name, err)
		}
	}
	var later []*node.Target
	last := false
	for _, t := range c.targets {
		try(t, func(error) error { later = append(later, t); return errLater })
	}
	n := len(later) - 1
	owns := func(t *node.Target) bool { o, err := t.Outbox(); return err == nil && cast.Owns(o) }
	if cast != nil {
		if i := slices.IndexFunc(later, owns); i >= 0 {
			later[i], later[n] = later[n], later[i]
		}
		send = func(o *mailbox.Outbox) error { return cast.Give(o, last) }
	}
	for i, t := range later {
		last = i == n
		try(t, func(full error) error {
			whenFull := t.WhenFull
			if c.urgent {
				whenFull = t.UrgentWhenFull
			}
			return whenFull(waitContext(ctx), full, func() error {
				o, err := t.Outbox()
				if err != nil {
					return err
				}
				return send(o)
			}, func() {})
		})
	}
	return sent
}

// errLater says that a full mailbox will be tried again at the end.
var errLater = errors.New("actor: full, to be tried again")

// encode encodes what m points to for all targets: into memory that they share,
// or, where they cannot share any, to be copied for each.
func (c *casting) encode(ctx context.Context, t *codec.Type, m any) (*mailbox.Cast, error) {
	var g *mailbox.Shared
	if len(c.targets) > 1 {
		g, _ = c.host.node.Shared(c.targets) // without it the message is copied for each, with the same result
	}
	cast, err := mailbox.NewCast(g, t, m)
	if errors.Is(err, mailbox.ErrFull) && node.Impatient(c.targets) {
		// Blocks in messages that the caller has not handled would not come back while it
		// waits; and whose mailbox fails or drops when it is full must cost the others nothing.
		g = nil
		cast, err = mailbox.NewCast(nil, t, m)
	} else if errors.Is(err, mailbox.ErrFull) {
		again := func() (err error) { cast, err = mailbox.NewCast(g, t, m); return err }
		if t.Urgent() {
			err = c.host.node.UrgentWhenShared(waitContext(ctx), g, c.targets, again)
		} else {
			err = c.host.node.WhenShared(waitContext(ctx), c.targets, again)
		}
	}
	if size := new(transport.SizeError); g != nil && (errors.As(err, &size) || err != nil && g.Closed()) {
		// Larger than what they share, but each mailbox may still take it; or the set's
		// segments were given up for those of another set.
		cast, err = mailbox.NewCast(nil, t, m)
	}
	return cast, public(err)
}
