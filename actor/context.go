package actor

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
)

// Context is what a handler runs with: a context.Context with the deadline and
// the cancellation of the ask in hand, and the actor's own doings. It is valid
// until the handler returns; a goroutine that goes on longer must not use it.
type Context struct {
	host     *Host
	msg      *mailbox.Message // nil between messages
	stopping atomic.Bool
	replaced atomic.Bool
	reason   atomic.Pointer[string] // of Exit

	targets [lately]atomic.Pointer[node.Target] // told to lately, by number: see tell

	polled  *node.Polled // this context, for waits of the node
	watched atomic.Bool  // done was made for the message in hand

	mu   sync.Mutex
	done chan struct{} // made when somebody asks for it
	err  error         // why done is closed
	end  func()        // ends what watches for the message in hand
}

// lately is how many targets a Context has at hand.
const lately = 8

func newContext(h *Host) *Context {
	c := &Context{host: h}
	c.polled = &node.Polled{Context: c}
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
	if c.watched.Load() {
		c.unwatch()
	}
}

// unwatch ends what Done has begun for the message in hand.
func (c *Context) unwatch() {
	c.watched.Store(false)
	c.mu.Lock()
	done, end := c.done, c.end
	c.mu.Unlock()
	c.cancel(done, context.Canceled)
	end()
	c.mu.Lock()
	c.done, c.err, c.end = nil, nil, nil
	c.mu.Unlock()
}

// cancel closes done, once.
func (c *Context) cancel(done chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == done && c.err == nil {
		c.err = err
		close(done)
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

// Err says whether the asker has given up the ask in hand. It costs a load,
// and a look at the clock when there is a deadline.
func (c *Context) Err() error {
	if !c.isAsk() {
		return nil
	}
	if c.watched.Load() {
		c.mu.Lock()
		err := c.err
		c.mu.Unlock()
		if err != nil {
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

// Done is closed when the asker gives up the ask in hand, when its deadline
// passes, and when the handler has returned. For a tell it is nil. The first
// call for a message starts a goroutine that watches; Err is cheaper.
func (c *Context) Done() <-chan struct{} {
	if !c.isAsk() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil {
		return c.done
	}
	done := make(chan struct{})
	c.done = done
	c.watched.Store(true)
	stopWatch := c.host.node.WatchCancel(c.msg, func() { c.cancel(done, context.Canceled) })
	stopTimer := func() bool { return true }
	if d := c.msg.Head.Deadline; d != 0 {
		stopTimer = time.AfterFunc(time.Duration(d-node.Monotonic()), func() { c.cancel(done, context.DeadlineExceeded) }).Stop
	}
	c.end = func() {
		stopTimer()
		stopWatch()
	}
	return done
}

// Value makes a context that is derived from c belong to this actor.
func (c *Context) Value(key any) any {
	if _, ok := key.(hostKey); ok {
		return c.host
	}
	return nil
}

// Name is the name of this actor.
func (c *Context) Name() string { return c.host.node.Name() }

// Incarnation counts the starts of this actor, from 1.
func (c *Context) Incarnation() int { return int(c.host.node.Self().Incarnation) }

// Attempt counts the earlier incarnations that died with the message in hand:
// above zero only when the mailbox redelivers.
func (c *Context) Attempt() int {
	if c.msg == nil {
		return 0
	}
	return c.msg.Attempt()
}

// Replaced says, in a function of Setup.OnStop, that a successor goes on with
// what this process has handed over: that is not to be cleaned up.
func (c *Context) Replaced() bool { return c.replaced.Load() }

// Log is the program's logger, with the actor's name.
func (c *Context) Log() *slog.Logger { return c.host.log }

// Stop ends the actor after the message in hand, with reason normal: what is
// still in its mailbox stays there for a successor.
func (c *Context) Stop() { c.stopping.Store(true) }

// Exit is Stop for a reason. With ReasonNormal and ReasonShutdown, and with a
// reason made by ShutdownFor, the process exits with code 0, and the supervisor
// is told the reason: a transient actor is not restarted then, and with the
// latter two, actors that are linked with this one end too. With any other
// reason it exits with code 1, which is a failure.
func (c *Context) Exit(reason string) {
	c.reason.Store(&reason)
	c.stopping.Store(true)
}

// Lend makes a buffer of n bytes that is shared with the asker's process, for
// the answer to the ask in hand. A buffer that is not sent must be released.
// When all memory for answers is lent, it waits for some to come back, until
// the ask's deadline, and then fails with ErrFull.
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

// waitContext is ctx as the node waits with it: a handler of a tell has nothing
// that could end early, and that of an ask is looked at rather than watched.
func waitContext(ctx context.Context) context.Context {
	c, ok := ctx.(*Context)
	switch {
	case !ok:
		return ctx
	case c.isAsk():
		return c.polled
	}
	return context.Background()
}
