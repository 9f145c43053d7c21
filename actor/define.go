package actor

import (
	"errors"
	"fmt"
	"sync"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// Definition is a kind of actor: a name and the code that sets one up. Define
// makes it.
type Definition[P any] struct {
	name  string
	setup func(*Setup[P]) error
}

// Name is the name that Define was given.
func (d *Definition[P]) Name() string { return d.name }

// AnyDefinition is a Definition of any protocol: a child that is listed in a
// supervisor's Spec has one.
type AnyDefinition interface {
	Name() string
	definition
}

// definition is a Definition whose protocol is forgotten.
type definition interface {
	start(h *Host) (*running, error)
}

// table is every definition of the program. It is filled by package-level
// variables, before main, and the same in all processes because they run the
// same program.
var table struct {
	sync.Mutex
	byName map[string]definition
	frozen bool
}

// Define defines a kind of actor of protocol P. setup runs in the actor's own
// process before its first message: it keeps its state in variables, registers
// handlers with OnTell and OnAsk, and returns nil when the actor is ready; an
// error means that the start failed.
//
// Define may only be called in package-level variable declarations, so that
// every process of the program knows the same actors: a second definition of a
// name, or one after the program has begun, panics.
func Define[P any](name string, setup func(*Setup[P]) error) *Definition[P] {
	table.Lock()
	defer table.Unlock()
	if table.frozen {
		panic(fmt.Sprintf("actor: Define(%q) after the program has begun: call it in a package-level variable declaration, so that all processes know it", name))
	}
	if name == "" {
		panic("actor: Define with an empty name")
	}
	if _, ok := table.byName[name]; ok {
		panic(fmt.Sprintf("actor: %q is defined twice", name))
	}
	d := &Definition[P]{name: name, setup: setup}
	if table.byName == nil {
		table.byName = map[string]definition{}
	}
	table.byName[name] = d
	return d
}

// Defined is the Definition of that name. A supervisor's process finds by it
// what the root wants started.
func Defined(name string) (AnyDefinition, error) {
	d, err := lookupDefinition(name)
	if err != nil {
		return nil, err
	}
	return d.(AnyDefinition), nil
}

func lookupDefinition(name string) (definition, error) {
	table.Lock()
	defer table.Unlock()
	table.frozen = true
	if d, ok := table.byName[name]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("actor: %q is not defined in this program: Define must be called in a package-level variable declaration", name)
}

// Setup is what an actor is set up with. It is valid until setup returns.
type Setup[P any] struct {
	r *running
}

// running is an actor that is being set up, and then runs.
type running struct {
	host     *Host
	ctx      *Context
	handlers map[codec.ID]mailbox.Handler
	types    []wire.TypeName // of the handlers and their answers, as far as a frame holds them
	onDown   func(*Context, Down)
	onExit   func(*Context, Down)
	onStop   []func(*Context)
	busy     func() bool // streams are open
	give     func() (node.State, error)
	take     map[codec.ID]func([]byte) error
	takes    map[uint32]codec.ID // the types of take, by their names
	errs     []error
}

// Self addresses this actor.
func (s *Setup[P]) Self() Ref[P] { return Ref[P]{ID: s.r.host.node.Self().ID} }

// Context is the actor's context, for sending and asking during the setup.
func (s *Setup[P]) Context() *Context { return s.r.ctx }

// OnStop registers f to be called when the actor ends in order, after its last
// message; the last one registered is called first. A death calls nothing.
func (s *Setup[P]) OnStop(f func(*Context)) { s.r.onStop = append(s.r.onStop, f) }

// OnDown registers the handler of the notices of Context.Monitor. It runs like
// a message's handler, after the last message of the actor that has ended.
func (s *Setup[P]) OnDown(f func(*Context, Down)) { s.r.onDown = f }

// OnExit makes this actor trap exits: the end of an actor that it is linked with
// is a notice for f, whatever the reason, and does not end this actor. f runs
// like a message's handler, after the last message of the actor that has ended.
func (s *Setup[P]) OnExit(f func(*Context, Down)) { s.r.onExit = f }

// OnTell registers the handler of messages of type M. Its error becomes a dead
// letter with the message's type; the actor goes on.
//
// A message whose type cannot cross a process boundary fails the start, with
// the path of the field that is at fault.
func OnTell[P any, M ToldTo[P]](s *Setup[P], handle func(*Context, M) error) {
	r := s.r
	t, err := codec.Of[M]()
	if !r.register(t, err) {
		return
	}
	c := r.ctx
	if t.InPlace() {
		r.handlers[t.ID()] = func(m *mailbox.Message, body []byte) error {
			v, ok := inPlace[M](body)
			if !ok {
				return mailbox.Decode(m, t, new(M)) // it says what is wrong
			}
			c.begin(m)
			err := handle(c, *v)
			c.finish()
			return err
		}
		return
	}
	r.handlers[t.ID()] = func(m *mailbox.Message, _ []byte) error {
		var v M
		if err := mailbox.Decode(m, t, &v); err != nil {
			return err
		}
		c.begin(m)
		err := handle(c, v)
		c.finish()
		return err
	}
}

// OnAsk registers the handler of messages of type M. What it returns is the
// answer; an error answers the asker too, who gets it as a *RemoteError, and
// the actor goes on.
func OnAsk[P, R any, M AskedOf[P, R]](s *Setup[P], handle func(*Context, M) (R, error)) {
	r := s.r
	t, err := codec.Of[M]()
	if !r.register(t, err) {
		return
	}
	rt, err := codec.Of[R]()
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("answer to %s: %w", t.Name(), err))
		return
	}
	r.name(rt)
	r.handlers[t.ID()] = func(m *mailbox.Message, _ []byte) error {
		var v M
		if err := mailbox.Decode(m, t, &v); err != nil {
			return err
		}
		c := r.ctx.begin(m)
		answer, err := handle(c, v)
		if err == nil {
			if err = mailbox.Reply(m, rt, &answer); err != nil {
				err = replySlowly(r.host.node, m, rt, answer, err)
			}
		}
		c.finish()
		return err
	}
}

// replySlowly goes on with an answer that has failed with err. It is apart so that
// the answer stays on the stack when there is room.
func replySlowly[R any](n *node.Node, m *mailbox.Message, t *codec.Type, answer R, err error) error {
	if errors.Is(err, mailbox.ErrFull) {
		err = n.ReplyWhenRoom(m, func() error { return mailbox.Reply(m, t, &answer) })
	}
	if err != nil {
		mailbox.DiscardReply(m, t, &answer)
	}
	return err
}

// register notes a problem with a message type, or that there is none.
func (r *running) register(t *codec.Type, err error) bool {
	if err != nil {
		r.errs = append(r.errs, err)
		return false
	}
	if err := mailbox.NoPriority(t, r.host.node.Mailbox()); err != nil {
		r.errs = append(r.errs, err)
		return false
	}
	if r.handlers[t.ID()] != nil {
		r.errs = append(r.errs, fmt.Errorf("actor: two handlers for %s", t.Name()))
		return false
	}
	r.name(t)
	return true
}

// name notes a type whose name the supervisor is told.
func (r *running) name(t *codec.Type) {
	if len(r.types) < maxTypeNames && len(t.Name()) < maxTypeName {
		r.types = append(r.types, wire.TypeName{ID: uint64(t.ID()), Name: t.Name()})
	}
}

// Bounds of the names that the supervisor is told, so that they fit a frame.
const (
	maxTypeNames = 200 // types
	maxTypeName  = 256 // bytes of a name
)

// start runs setup.
func (d *Definition[P]) start(h *Host) (*running, error) {
	r := &running{host: h, ctx: newContext(h), handlers: map[codec.ID]mailbox.Handler{}}
	err := d.setup(&Setup[P]{r: r})
	if all := errors.Join(append(r.errs, err)...); all != nil {
		return nil, all
	}
	return r, nil
}
