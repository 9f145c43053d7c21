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

// An actor gives its orders to the root as the root gives its own to supervisors
// in processes of their own:
//
//	actor ── Command: order ──► root ── as if called there ──► the tree
//	      ◄─ Answer: outcome ──
//
// Only a Child.Operator is obeyed.

// Of returns the program's supervisor to an actor: ctx is that of a handler or a
// Setup, or derived from it. Everything that starts, stops, replaces, resizes or
// lists children works by it as in the root, in the whole tree. The actor's Child
// must be an Operator; otherwise each of these calls fails with ErrNotOperator. In
// the root process Of returns its supervisor.
//
// What is a part of this process cannot be given to another one: a Spec for
// StartSupervisor, Child.Stderr, Command.Output and Command.Log. A Definition has
// them in the process where they are needed. Shutdown of the program's supervisor
// does nothing here; Done, Err and the counts are those of the root.
//
// A handler or Setup that calls Terminate or Replace of its own actor, or ReplaceAll,
// would wait for itself: it gets ErrOwnActor at once. It calls them in a goroutine,
// and must not wait for that either. What was begun goes on when the process that
// has asked for it ends.
func Of(ctx context.Context) (*Supervisor, error) {
	h := hosting.Of(ctx)
	if h == nil {
		return nil, actor.ErrNoProgram
	}
	return &Supervisor{engine: &engine{far: h, host: h}}, nil
}

// ErrNotOperator says that an actor asks for something that only an Operator may:
// see Of.
var ErrNotOperator = errors.New("it may give no orders: set Child.Operator, also of the supervisors in processes of their own that it is below")

// ErrOwnActor says that an actor's own code wants to wait until that actor has ended
// or is replaced, which cannot be before it has returned: see Of.
var ErrOwnActor = errors.New("a handler or Setup cannot wait for the end or the replacement of its own actor, which comes when it has returned: " +
	"call this in a goroutine, with context.WithoutCancel(ctx), and return; an actor that just wants to end calls Context.Stop")

// ownActor is ErrOwnActor when the caller is the code of the actor with that number.
func (s *Supervisor) ownActor(id uint32) error {
	if s.far.Runs(id) {
		return fmt.Errorf("supervisor: child %s: %w", s.far.Name(), ErrOwnActor)
	}
	return nil
}

// maxOrders bounds the orders of one actor that are not answered yet.
const maxOrders = 64

// obeyActor does what an actor, or this process, asks of the root.
func (s *Supervisor) obeyActor(c *child, r *running, f *wire.Command) {
	own := r.addr.ID == 0
	switch {
	case len(f.Text) == 0:
		if cancel := r.orders[f.Token]; cancel != nil {
			cancel()
		}
		return
	case !own && (c == nil || c.run != r && !c.next.is(r)): // a dead one's last word
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
		refuse(fmt.Errorf("supervisor: %d orders of one process are not answered yet, and may be no more: wait for one", maxOrders))
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

// askFar gives the root an order, and waits for the outcome.
func (s *Supervisor) askFar(ctx context.Context, o order) (out outcome) {
	o.Supervisor = s.id
	text, err := json.Marshal(o)
	if err == nil && len(text) > maxPiece {
		err = fmt.Errorf("supervisor: the description has %d bytes; at most %d can cross to the root process", len(text), maxPiece)
	}
	if err == nil {
		text, err = s.far.Command(ctx, text)
	}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return outcome{Err: textOf(err), local: err}
	}
	return out
}

// tellFar is askFar of what has no other outcome than an error.
func (s *Supervisor) tellFar(ctx context.Context, o order) error { return s.askFar(ctx, o).err() }

// err is the error of an outcome, as it was if it arose here.
func (out outcome) err() error {
	if out.local != nil {
		return out.local
	}
	return out.Err.err()
}

func (s *Supervisor) startFar(ctx context.Context, spec Child) (uint32, error) {
	text, err := spec.text()
	if err != nil {
		return 0, err
	}
	out := s.askFar(ctx, order{What: orderStart, Child: text})
	return out.ID, out.err()
}

// lookupFar is lookup, with as much of the child as Find and Below need.
func (s *Supervisor) lookupFar(path string) (*child, error) {
	out := s.askFar(context.Background(), order{What: orderLookup, Text: path})
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

// found is what lookupFar is told.
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
