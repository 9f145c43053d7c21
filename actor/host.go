package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// HostConfig is what a Host is made of. The host owns Link and Notifier.
type HostConfig struct {
	Link     transport.Link
	Notifier transport.Notifier
	Log      *slog.Logger // nil: slog.Default
	Lost     func()       // called once when the supervisor is gone
	InPlace  bool         // it is for ServeInPlace
}

// Host is one process's part in a program. Supervisors make hosts; programs
// meet them only as the context that their code runs with.
type Host struct {
	node  *node.Node
	log   *slog.Logger
	actor *running // nil before its Setup has returned
}

// processHost is the host of a process that has only one, so that a context
// need not be searched for it. Tests that run actors in place have several.
var processHost, hosts = atomic.Pointer[Host]{}, atomic.Int32{}

// NewHost waits to be told by the supervisor who this process is.
func NewHost(cfg HostConfig) (*Host, error) {
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	n, err := node.New(node.Config{Link: cfg.Link, Notifier: cfg.Notifier, Log: log, Lost: cfg.Lost, Parks: cfg.InPlace})
	if err != nil {
		return nil, err
	}
	h := &Host{node: n, log: log.With("actor", n.Name())}
	if hosts.Add(1) == 1 {
		processHost.Store(h)
	} else {
		processHost.Store(nil)
	}
	return h, nil
}

// Context returns a context whose sends and asks go out from h.
func (h *Host) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, hostKey{}, h)
}

type hostKey struct{}

func hostOf(ctx context.Context) *Host {
	if c, ok := ctx.(*Context); ok {
		return c.host
	}
	return hostOfOther(ctx)
}

// hostOfOther is apart so that hostOf is inlined.
func hostOfOther(ctx context.Context) *Host {
	if h := processHost.Load(); h != nil {
		return h
	}
	h, _ := ctx.Value(hostKey{}).(*Host)
	return h
}

// HostOf is the host of a context that an actor or the root process runs with, or
// nil. It is for supervisors; programs call supervisor.Of.
func HostOf(ctx context.Context) *Host { return hostOf(ctx) }

// Command has the root process do something, and returns its answer. It is for
// supervisors, which know the text.
func (h *Host) Command(ctx context.Context, text []byte) ([]byte, error) {
	return h.node.Command(ctx, text)
}

// Name is the name of this process's child.
func (h *Host) Name() string { return h.node.Name() }

// ID is its number.
func (h *Host) ID() uint32 { return h.node.Self().ID }

// Runs says whether the caller is the code of the actor with that number: its
// Setup or a handler, and not a goroutine that these have started. The actor
// neither ends nor is replaced before it returns.
func (h *Host) Runs(id uint32) bool { return id == h.node.Self().ID && under((*Host).serve) }

// under says whether f, a function, is on the caller's stack.
func under(f any) bool {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	pcs := make([]uintptr, 64)
	for skip := 0; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		if n == 0 {
			return false
		}
		for frames, more := runtime.CallersFrames(pcs[:n]), true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); frame.Function == name {
				return true
			}
		}
	}
}

// Serve runs the actor that the supervisor has named until it ends in order,
// and returns the reason. A panic of the actor's code is not caught.
func (h *Host) Serve() (reason string, err error) { return h.serve() }

// ServeInPlace is Serve of an actor that shares its process with others: it
// returns when there is nothing to do, and goes on in another goroutine when
// there is. ended is called with the error of Serve when the actor has ended; a panic of
// the actor's code comes as a *PanicError.
func (h *Host) ServeInPlace(ended func(error)) {
	_, err := h.serveCaught()
	if err == (node.ParkedError{}) {
		h.node.Park(func() { h.ServeInPlace(ended) })
		return // somebody else may have gone on already
	}
	ended(err)
}

// serveCaught is serve that returns a panic.
func (h *Host) serveCaught() (reason string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: fmt.Sprint(v), Stack: string(debug.Stack())}
		}
	}()
	return h.serve()
}

// serve sets the actor up, unless that is done, and runs it. When it parks, it is
// to be called again.
func (h *Host) serve() (reason string, err error) {
	if h.actor == nil {
		if reason, err = h.setUp(); h.actor == nil {
			return reason, err
		}
	}
	r := h.actor
	defer r.ctx.finish() // of the message that a panic leaves in hand
	if err != nil {
		return "", err
	}
	handlers := r.handlers
	r.handlers = nil // the node has them from now on
	reason, err = h.node.Serve(handlers, r.down(), &r.ctx.stopping)
	if err != nil {
		return "", err
	}
	return h.end(reason)
}

// setUp runs the actor's Setup, and tells the supervisor that it is ready. Without
// an actor there is nothing to serve.
func (h *Host) setUp() (reason string, err error) {
	d, err := lookupDefinition(h.node.Definition())
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
	r.types = nil
	if r.onExit != nil {
		if err := h.node.Trap(func(w wire.Exit) { r.onExit(r.ctx, downOf(w)) }); err != nil {
			return "", err
		}
	}
	h.node.OnHandover(r.handover())
	return "", h.node.Ready()
}

// end is the end in order of an actor whose loop has returned.
func (h *Host) end(reason string) (string, error) {
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
		return "", fmt.Errorf("actor %s: exit: %s", h.node.Name(), reason)
	}
	return reason, nil
}

// PanicError is the death of an actor that ran in place.
type PanicError struct {
	Value string
	Stack string
}

func (e *PanicError) Error() string { return "panic: " + e.Value }

// Traffic is what this process has sent, and what it was answered.
func (h *Host) Traffic() mailbox.Traffic { return h.node.Traffic() }

// Close ends the host. The actor's loop must have returned.
func (h *Host) Close() {
	processHost.CompareAndSwap(h, nil)
	hosts.Add(-1)
	h.node.Close()
}
