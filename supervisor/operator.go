package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/transport/wire"
)

// An actor sends its orders to the root in the same way as the root sends its own to
// supervisors in other processes:
//
//	actor ── Command: order ──► root ── as if called there ──► the tree
//	      ◄─ Answer: outcome ──
//
// The root obeys only actors whose Child.Operator is set.

// Of returns the program's supervisor to an actor: ctx is that of a handler or a
// Setup, or derived from it. Everything that starts, stops, replaces, resizes or
// lists children works with it as in the root, in the whole tree. The actor's Child
// must be an Operator; otherwise each of these calls fails with ErrNotOperator. In
// the root process Of returns its supervisor.
//
// Functions and writers cannot be passed to another process: so a Spec for
// StartSupervisor, Child.Stderr, Command.Output and Command.Log are refused. A
// Definition creates them in the process where they are needed. Of the program's
// supervisor, Shutdown does nothing here, and Done, Err, Restarts and DeadLetters work
// only in the root. To end the program, an actor that is a Significant child ends; see
// Spec.AutoShutdown.
//
// A handler or Setup that calls Terminate or Replace for its own actor, or ReplaceAll,
// would wait for itself: it gets ErrOwnActor at once. It has to call them in a
// goroutine, and must not wait for that goroutine. An order that has begun is carried
// out even if the process that gave it ends.
func Of(ctx context.Context) (*Supervisor, error) {
	need(ctx)
	h := hosting.Of(ctx)
	if h == nil {
		return nil, actor.ErrNoProgram
	}
	return &Supervisor{engine: &engine{host: h}}, nil
}

// ofActor says whether Of has made s for an actor, whose orders host passes to the root.
// Every method that does something calls it first.
func (s *Supervisor) ofActor() bool {
	if s == nil || s.engine == nil {
		panic("supervisor: a nil or zero Supervisor: use the one that Run has given to its function, or that New, StartSupervisor, StartSubtree, Below or Of has returned")
	}
	return s.mail == nil
}

// need panics if there is no context, before anything has begun that would need it.
func need(ctx context.Context) {
	if ctx == nil {
		panic("supervisor: a nil Context: pass that of Run's function or of a handler, or context.Background")
	}
}

// ErrNotOperator says that an actor asked for something that only an Operator may do:
// see Of.
var ErrNotOperator = errors.New("it may not give orders: set Child.Operator, also for each supervisor in its own process above it")

// ErrOwnActor says that an actor's own code would wait until that actor has ended or
// was replaced, which cannot happen before that code has returned: see Of.
var ErrOwnActor = errors.New("a handler or Setup cannot wait for the end or the replacement of its own actor, which cannot come before it has returned: " +
	"call this in a goroutine, with context.WithoutCancel(ctx), and return; an actor that just wants to end calls Context.Stop")

// ownActor is ErrOwnActor when the caller is the code of the actor with that number.
func (s *Supervisor) ownActor(id uint32) error {
	if s.host.Runs(id) {
		return fmt.Errorf("supervisor: child %s: %w", s.host.Name(), ErrOwnActor)
	}
	return nil
}

// maxOrders bounds the orders of one actor that are not answered yet.
const maxOrders = 64

// obeyActor carries out an order that an actor, or this process, gives the root.
func (s *Supervisor) obeyActor(c *child, r *running, f *wire.Command) {
	own := r.addr.ID == 0
	switch {
	case len(f.Text) == 0:
		if cancel := r.orders[f.Token]; cancel != nil {
			cancel()
		}
		return
	case !own && (c == nil || c.run != r && !c.next.is(r)): // from a process that is dead by now
		return
	}
	refuse := func(err error) { outcome{Err: textOf(err)}.send(f.Token, r.tell) }
	var o order
	if err := json.Unmarshal(f.Text, &o); err != nil {
		refuse(fmt.Errorf("supervisor: order: %w", err))
		return
	}
	switch {
	case !own && !c.spec.Operator:
		refuse(fmt.Errorf("supervisor: child %s: %w", c.name, ErrNotOperator))
		return
	case len(r.orders) >= maxOrders:
		refuse(fmt.Errorf("supervisor: %d orders of this process are unanswered, and more are not allowed: wait for one of them", maxOrders))
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	if r.orders == nil {
		r.orders = map[uint64]context.CancelFunc{}
	}
	r.orders[f.Token] = cancel
	go func() {
		out := s.follow(ctx, o)
		s.post(func() {
			delete(r.orders, f.Token)
			cancel()
			out.send(f.Token, r.tell)
		})
	}()
}

// askRoot sends the root an order and waits for the outcome.
func (s *Supervisor) askRoot(ctx context.Context, o order) outcome {
	return s.askRootOr(ctx, o, nil)
}

// askRootOr is askRoot, but if ctx ends before the outcome has come, late is called with
// that, unless it is nil.
func (s *Supervisor) askRootOr(ctx context.Context, o order, late func(outcome)) (out outcome) {
	need(ctx)
	o.Supervisor = s.id
	text, err := json.Marshal(o)
	if err == nil && len(text) > maxPiece {
		err = fmt.Errorf("supervisor: the description has %d bytes; at most %d can cross to the root process", len(text), maxPiece)
	}
	if err == nil {
		text, err = s.host.Command(ctx, text, func(text []byte) {
			var out outcome
			if late != nil && json.Unmarshal(text, &out) == nil {
				late(out)
			}
		})
	}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return outcome{Err: textOf(err), local: err}
	}
	return out
}

// tellRoot is askRoot for an order whose only outcome is an error.
func (s *Supervisor) tellRoot(ctx context.Context, o order) error { return s.askRoot(ctx, o).err() }

// err is the error of an outcome; if the error arose in this process, the original one.
func (out outcome) err() error {
	if out.local != nil {
		return out.local
	}
	return out.Err.err()
}

func (s *Supervisor) startByRoot(ctx context.Context, spec Child) (uint32, error) {
	text, err := spec.text()
	if err != nil {
		return 0, err
	}
	out := s.askRootOr(ctx, order{What: orderStart, Child: text}, func(out outcome) {
		if out.Err == nil { // the child was ready before the root heard of ctx's end
			s.askRoot(context.Background(), order{What: orderUndo, ID: out.ID})
		}
	})
	return out.ID, out.err()
}

// lookupByRoot is lookup by way of the root, with only what Find and Below need.
func (s *Supervisor) lookupByRoot(path string) (*child, error) {
	out := s.askRoot(context.Background(), order{What: orderLookup, Text: path})
	if err := out.err(); err != nil {
		return nil, err
	}
	if out.Found == nil {
		return nil, ErrNotFound
	}
	c := &child{id: out.ID, name: out.Found.Child.Name, spec: &out.Found.Child, definition: out.Found.Defined}
	if out.Found.Tree != "" {
		c.spec.Subtree = &Definition{name: out.Found.Tree}
	}
	return c, nil
}

// found answers lookupByRoot.
func (s *Supervisor) found(path string) (uint32, *childText, error) {
	c, err := s.lookup(path)
	if err != nil {
		return 0, nil, err
	}
	t := &childText{Child: Child{Name: c.name}, Defined: c.definition}
	if c.spec.supervises() {
		t.Tree = c.name
	}
	return c.id, t, nil
}
