package actor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
)

// Context is passed to every handler. It is a context.Context with the deadline and the
// cancellation of the ask in hand, and has methods for what an actor can do: end
// itself, link, monitor, lend. It is valid until the handler returns. A goroutine that
// runs longer uses context.WithoutCancel(c) instead.
type Context struct {
	host     *host
	msg      *mailbox.Message // nil between messages
	stopping atomic.Bool
	replaced atomic.Bool
	reason   atomic.Pointer[string] // of Exit

	targets [lately]atomic.Pointer[node.Target] // told something lately, by number: see tell

	polled node.Polled // this context, for waits of the node

	mu     sync.Mutex // orders the goroutines that make ending
	ending atomic.Pointer[ending]
}

// ending is a context that ends with the message in hand, or earlier. The first call of
// Done makes it. Package context finds it through Value, so contexts derived from a
// Context are in fact derived from this one, and none of them uses the Context after
// the handler has returned.
type ending struct {
	context.Context
	end func()
}

// lately is how many targets a Context has at hand.
const lately = 8

func newContext(h *host) *Context {
	c := &Context{host: h}
	c.polled.Context = c
	return c
}

// begin makes m the message in hand.
func (c *Context) begin(m *mailbox.Message) *Context {
	c.msg = m
	return c
}

// finish ends the message in hand.
func (c *Context) finish() {
	c.msg = nil
	if c.ending.Load() != nil {
		c.ending.Swap(nil).end()
	}
}

// isAsk says whether the message in hand is an ask.
func (c *Context) isAsk() bool { return c.msg != nil && c.msg.Head.Kind == wire.EntryAsk }

// Deadline is the deadline of the ask in hand, if it has one.
func (c *Context) Deadline() (time.Time, bool) {
	if !c.isAsk() || c.msg.Head.Deadline == 0 {
		return time.Time{}, false
	}
	return node.TimeOf(c.msg.Head.Deadline), true
}

// Err is context.Canceled if the asker has given up the ask in hand,
// context.DeadlineExceeded if its deadline has passed, and nil otherwise; for a told
// message it is always nil. It costs one load, and a look at the clock if there is a
// deadline.
func (c *Context) Err() error {
	if !c.isAsk() {
		return nil
	}
	if w := c.ending.Load(); w != nil {
		if err := w.Err(); err != nil {
			return err
		}
	}
	if c.msg.Box.Cancelled(c.msg) {
		return context.Canceled
	}
	if d := c.msg.Head.Deadline; d != 0 && node.Monotonic() > d {
		return context.DeadlineExceeded
	}
	return nil
}

// Done returns a channel that is closed when the asker gives up the ask in hand, when
// the deadline passes, or when the handler has returned. For a told message it is nil.
// The first call for a message starts a goroutine that watches it; Err is cheaper.
//
// That the actor was asked to end does not close it: the message in hand is finished
// first.
func (c *Context) Done() <-chan struct{} {
	if !c.isAsk() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.ending.Load()
	if w == nil {
		ctx, cancel := context.WithCancel(context.Background())
		if d := c.msg.Head.Deadline; d != 0 {
			cancel()
			ctx, cancel = context.WithDeadline(context.Background(), node.TimeOf(d))
		}
		stop := c.host.node.WatchCancel(c.msg, cancel)
		w = &ending{ctx, func() {
			cancel()
			stop()
		}}
		c.ending.Store(w)
	}
	return w.Done()
}

// Value finds nothing that a program has stored. Through it, a context derived from c
// belongs to this actor.
func (c *Context) Value(key any) any {
	if _, ok := key.(hostKey); ok {
		return c.host
	}
	if w := c.ending.Load(); w != nil {
		return w.Value(key)
	}
	return nil
}

// Name is the name of this actor.
func (c *Context) Name() string { return c.host.node.Name() }

// Incarnation counts the starts of this actor, from 1.
func (c *Context) Incarnation() int { return int(c.host.node.Self().Incarnation) }

// Attempt is the number of incarnations that died with the message in hand. It is above
// zero only if mailbox.Config.Redeliver is, or if the program itself asked for such a
// death, for example with Kill of package supervisor.
func (c *Context) Attempt() int {
	if c.msg == nil {
		return 0
	}
	return c.msg.Attempt()
}

// Replaced says, in a function given to Setup.OnStop, that a successor has taken over
// this process's state, so that it must not be cleaned up.
func (c *Context) Replaced() bool { return c.replaced.Load() }

// Log is the logger of this process with the actor's name added: slog.Default, unless
// the actor runs in place.
func (c *Context) Log() *slog.Logger { return c.host.logger() }

// Traffic counts the messages that this process has sent to actors, the answers it got,
// and what was dropped, came too late or was skipped.
func (c *Context) Traffic() mailbox.Traffic { return c.host.Traffic() }

// Stop ends the actor after the message in hand, with ReasonNormal. Its unread messages
// stay in the mailbox for the next incarnation, if there will be one.
func (c *Context) Stop() { c.stopping.Store(true) }

// Exit is Stop with a reason. With ReasonNormal, ReasonShutdown or a reason made by
// ShutdownFor the process exits with code 0: a transient actor is then not restarted.
// With any other reason it exits with code 1, which is a failure. With any reason
// other than ReasonNormal, the actors linked with this one end too.
func (c *Context) Exit(reason string) {
	c.reason.Store(&reason)
	c.stopping.Store(true)
}

// Lend returns a Buffer of n bytes for the answer to the ask in hand: memory that is
// shared with the asker's process. Release it if it is not sent. If all memory for
// answers is lent, Lend waits until some has come back; when the ask's deadline passes
// first, it fails with ErrFull. For a told message it fails.
func (c *Context) Lend(n int) (Buffer, error) {
	if !c.isAsk() {
		return Buffer{}, errNotAsk
	}
	b, err := c.msg.Box.Lend(n)
	if err != nil {
		err = c.host.node.ReplyWhenRoom(c.msg, func() (e error) { b, e = c.msg.Box.Lend(n); return e })
	}
	return b, err
}

var errNotAsk = errors.New("actor: Context.Lend is for the answer to an ask, but the message in hand is not an ask: use the function Lend, with the receiver's Ref")

// waitContext is ctx in the form in which the node waits with it. A told message has no
// context that could end early; the context of an ask is polled rather than watched.
func waitContext(ctx context.Context) context.Context {
	c, ok := ctx.(*Context)
	switch {
	case !ok:
		return ctx
	case c.isAsk():
		return &c.polled
	}
	return context.Background()
}
