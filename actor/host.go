package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

func init() {
	hosting.New = newHost
	hosting.Of = func(ctx context.Context) hosting.Host {
		if h := hostOf(ctx); h != nil {
			return h
		}
		return nil
	}
	hosting.Defined = func(name string) (any, error) { return defined(name) }
	hosting.ExitOf = func(w *wire.Exit) any { return exitOf(w) }
}

// host is the part of one process, or of one actor in place, in a program. Its
// exported methods are those of hosting.Host and documented there.
type host struct {
	node  *node.Node
	base  *slog.Logger
	log   atomic.Pointer[slog.Logger] // base with the actor's name, once Log was called
	actor *running                    // nil until its Setup has returned
}

// processHost is the host of a process that has only one, so that a context
// need not be searched for it. Tests that run actors in place have several.
var processHost atomic.Pointer[host]

// claimed is the host of the program that supervisor.Run runs: a context that belongs to
// no host is its, also while actors in place run beside it and after they have ended.
var claimed atomic.Pointer[host]

// hosts counts the open hosts of this process.
var hosts struct {
	sync.Mutex // also orders the writes of processHost
	n          int
}

// enter counts h among the hosts of this process.
func (h *host) enter() {
	hosts.Lock()
	defer hosts.Unlock()
	if hosts.n++; hosts.n == 1 {
		processHost.Store(h)
	} else {
		processHost.Store(nil)
	}
}

// leave undoes enter. A host that remains is found through its contexts.
func (h *host) leave() {
	hosts.Lock()
	defer hosts.Unlock()
	hosts.n--
	processHost.CompareAndSwap(h, nil)
	claimed.CompareAndSwap(h, nil)
}

func (h *host) Claim() { claimed.CompareAndSwap(nil, h) }

func newHost(cfg hosting.Config) (hosting.Host, error) {
	freeze()
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	waits := ownWait
	if cfg.Busy != nil {
		waits = cfg.Busy
	}
	n, err := node.New(node.Config{Link: cfg.Link, Notifier: cfg.Notifier, Log: log, Lost: cfg.Lost, Waits: waits, Parks: cfg.InPlace})
	if err != nil {
		return nil, err
	}
	h := &host{node: n, base: log}
	h.enter()
	return h, nil
}

func (h *host) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, hostKey{}, h)
}

type hostKey struct{}

func hostOf(ctx context.Context) *host {
	if c, ok := ctx.(*Context); ok {
		return c.host
	}
	return hostOfOther(ctx)
}

// hostOfOther is a function of its own so that hostOf is inlined.
func hostOfOther(ctx context.Context) *host {
	if h := processHost.Load(); h != nil {
		return h
	}
	if h, _ := ctx.Value(hostKey{}).(*host); h != nil {
		return h
	}
	return claimed.Load()
}

func (h *host) Command(ctx context.Context, text []byte, late func(answer []byte)) ([]byte, error) {
	return h.node.Command(ctx, text, late)
}

// logger is a logger that adds the actor's name to each record.
func (h *host) logger() *slog.Logger {
	l := h.log.Load()
	if l == nil {
		l = h.base.With("actor", h.Name())
		h.log.Store(l) // if another goroutine has stored one meanwhile, it is equal
	}
	return l
}

func (h *host) Name() string { return h.node.Name() }

func (h *host) ID() uint32 { return h.node.Self().ID }

func (h *host) Runs(id uint32) bool { return id == h.node.Self().ID && ownCode() }

// ownWait is ErrCallingSelf for an actor's own code.
func ownWait() error {
	if ownCode() {
		return ErrCallingSelf
	}
	return nil
}

// ownCode says whether the caller runs in an actor's own goroutine: in its Setup, a
// handler or the like, and not in a goroutine that these have started.
func ownCode() bool { return hosting.Under((*host).serve) }

func (h *host) Serve() (reason string, err error) { return h.serve() }

func (h *host) ServeInPlace(ended func(error)) {
	_, err := h.serveCaught()
	if err == (node.ParkedError{}) {
		h.node.Park(func() { h.ServeInPlace(ended) })
		return // another goroutine may already have continued
	}
	ended(err)
}

// serveCaught is serve, but returns a panic as an error.
func (h *host) serveCaught() (reason string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &hosting.PanicError{Value: fmt.Sprint(v), Stack: string(debug.Stack())}
		}
	}()
	return h.serve()
}

// serve sets up the actor, unless that was done before, and runs it. After it has
// parked, it has to be called again.
func (h *host) serve() (reason string, err error) {
	if h.actor == nil {
		if reason, err = h.setUp(); h.actor == nil {
			return reason, err
		}
	}
	r := h.actor
	defer r.ctx.finish() // for a message that a panic leaves in hand
	if err != nil {
		return "", err
	}
	var handlers map[codec.ID]mailbox.Handler
	if r.draft != nil {
		handlers, r.draft = r.handlers, nil // the node has them from now on
	}
	reason, err = h.node.Serve(handlers, r.down(), &r.ctx.stopping)
	if err != nil {
		return "", err
	}
	return h.end(reason)
}

// setUp runs the actor's Setup and tells the supervisor that the actor is ready. If
// h.actor is nil after it, there is nothing to serve.
func (h *host) setUp() (reason string, err error) {
	d, err := defined(h.node.Definition())
	if err != nil {
		h.node.Failed(err)
		return "", err
	}
	r, err := d.start(h)
	h.actor = r
	if errors.Is(err, ErrIgnore) {
		h.node.Exiting(wire.ReasonIgnore)
		return wire.ReasonIgnore, nil
	}
	if err != nil {
		h.node.Failed(err)
		return "", fmt.Errorf("actor %s: setup: %w", h.node.Name(), err)
	}
	if err := h.node.Types(r.types); err != nil {
		return "", err
	}
	if r.onExit != nil {
		if err := h.node.Trap(func(w wire.Exit) { r.onExit(r.ctx, downOf(w)) }); err != nil {
			return "", err
		}
	}
	h.node.OnHandover(r)
	return "", h.node.Ready()
}

// end ends an actor normally after its loop has returned.
func (h *host) end(reason string) (string, error) {
	r := h.actor
	if own := r.ctx.reason.Load(); own != nil && r.ctx.stopping.Load() {
		reason = *own
	}
	r.ctx.replaced.Store(reason == wire.ReasonReplaced)
	for i := len(r.onStop) - 1; i >= 0; i-- {
		r.onStop[i](r.ctx)
	}
	h.node.Exiting(reason)
	if !inOrder(reason) && r.ctx.reason.Load() != nil {
		return "", fmt.Errorf("actor %s: exit: %s", h.node.Name(), cmp.Or(reason, "no reason given"))
	}
	return reason, nil
}

func (h *host) Traffic() mailbox.Traffic { return h.node.Traffic() }

// Settle asks the supervisor something: the answer comes after everything else.
func (h *host) Settle(ctx context.Context) { _, _ = h.node.Resolve(ctx, "") }

func (h *host) Close() {
	h.leave()
	h.node.Close()
}
