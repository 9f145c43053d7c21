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

// Definition is a kind of actor: a name, and the code that sets up such an actor.
// Define makes it.
type Definition[P any] struct {
	name  string
	setup func(*Setup[P]) error
}

// Name is the name that Define was given.
func (d *Definition[P]) Name() string {
	if d == nil {
		panic("actor: a nil Definition: use a package-level variable that is declared with the result of Define")
	}
	return d.name
}

// AnyDefinition is a Definition of any protocol: the type of the field Actor of
// supervisor.Child.
type AnyDefinition interface {
	Name() string
	start(h *host) (*running, error)
}

// table holds every definition of the program. Package-level variables fill it before
// main. It is the same in all processes because they run the same program.
var table struct {
	sync.Mutex
	byName map[string]AnyDefinition
	frozen bool
}

// Define defines a kind of actor of protocol P. setup runs in the actor's own process
// before its first message, again in each new process after a death. It keeps the
// actor's state in its local variables, registers handlers with OnTell and OnAsk, and
// returns nil when the actor is ready. If it returns an error, the start has failed.
//
// Call Define only in declarations of package-level variables, so that every process
// of the program knows the same actors. It panics if the name is empty or already
// defined, if setup is nil, or if the program has begun.
func Define[P any](name string, setup func(*Setup[P]) error) *Definition[P] {
	table.Lock()
	defer table.Unlock()
	if table.frozen {
		panic(fmt.Sprintf("actor: Define(%q) after the program has begun: call it in a package-level variable declaration, so that all processes know it", name))
	}
	if name == "" {
		panic("actor: Define with an empty name")
	}
	if setup == nil {
		panic(fmt.Sprintf("actor: Define(%q) with a nil setup", name))
	}
	if _, ok := table.byName[name]; ok {
		panic(fmt.Sprintf("actor: %q is defined twice", name))
	}
	d := &Definition[P]{name: name, setup: setup}
	if table.byName == nil {
		table.byName = map[string]AnyDefinition{}
	}
	table.byName[name] = d
	return d
}

// freeze makes further calls of Define panic: the program has begun.
func freeze() {
	table.Lock()
	defer table.Unlock()
	table.frozen = true
}

// defined returns the definition of that name, and freezes the table.
func defined(name string) (AnyDefinition, error) {
	freeze()
	table.Lock()
	defer table.Unlock()
	if d, ok := table.byName[name]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("actor: %q is not defined in this program: Define must be called in a package-level variable declaration", name)
}

// Setup is passed to the function given to Define, which uses it to set up the actor.
// It is valid until that function returns.
type Setup[P any] struct {
	r *running
}

// running is an actor that is being set up, and then runs.
type running struct {
	*draft // nil once it runs
	host   *host
	ctx    *Context
	onDown func(*Context, Down)
	onExit func(*Context, Down)
	onStop []func(*Context)
	busy   func() bool // streams are open
	give   func() (node.State, error)
	take   map[codec.ID]func([]byte) error
	takes  map[uint32]codec.ID // the types of take, by their names
}

// draft is what only the start needs to know.
type draft struct {
	handlers map[codec.ID]mailbox.Handler
	types    []wire.TypeName // of the handlers and their answers, as many as fit a frame
	errs     []error
}

// Self addresses this actor.
func (s *Setup[P]) Self() Ref[P] { return Ref[P]{ID: s.r.host.node.Self().ID} }

// Context is the actor's context, for Tell, Ask, Lookup and the like during the setup.
func (s *Setup[P]) Context() *Context { return s.r.ctx }

// OnStop registers f to be called when the actor ends normally, after its last
// message. Several functions are called in reverse order of registration. After a
// panic, a kill or os.Exit none is called.
func (s *Setup[P]) OnStop(f func(*Context)) { s.r.onStop = append(s.r.onStop, f) }

// OnDown registers the handler of the notices that Context.Monitor asks for. It runs
// like the handler of a message, after the last message from the actor that has ended.
func (s *Setup[P]) OnDown(f func(*Context, Down)) { s.r.onDown = f }

// OnExit makes this actor trap exits, as OTP calls it: when an actor linked with it
// ends, for whatever reason, f gets a notice and this actor goes on. f runs like the
// handler of a message, after the last message from the actor that has ended.
func (s *Setup[P]) OnExit(f func(*Context, Down)) { s.r.onExit = f }

// OnTell registers the handler of told messages of type M. If the handler returns an
// error, the message becomes a dead letter with that text, and the actor goes on.
//
// If M has a field that cannot cross a process boundary, such as a channel, the actor
// fails to start, and the error names the path of that field.
func OnTell[P any, M ToldTo[P]](s *Setup[P], handle func(*Context, M) error) {
	r := s.r
	t, err := codec.Of[M]()
	if !r.register(t, err, handle == nil) {
		return
	}
	c := r.ctx
	if t.InPlace() {
		r.handlers[t.ID()] = func(m *mailbox.Message, body []byte) error {
			v, ok := inPlace[M](body)
			if !ok {
				return mailbox.Decode(m, t, new(M)) // returns what is wrong
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

// OnAsk registers the handler of asked messages of type M. The value that it returns is
// the answer. If it returns an error, Ask returns that as a *RemoteError, and the actor
// goes on. The value beside the error is not sent, but this process's Buffers in it are
// released as if it had been.
func OnAsk[P, R any, M AskedOf[P, R]](s *Setup[P], handle func(*Context, M) (R, error)) {
	r := s.r
	t, err := codec.Of[M]()
	if !r.register(t, err, handle == nil) {
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
		} else if rt.Lends() {
			discardBeside(rt, answer)
		}
		c.finish()
		return err
	}
}

// replySlowly continues with an answer that could not be sent because of err. It is a
// function of its own so that the answer stays on the stack when there is room.
func replySlowly[R any](n *node.Node, m *mailbox.Message, t *codec.Type, answer R, err error) error {
	if errors.Is(err, mailbox.ErrFull) {
		err = n.ReplyWhenRoom(m, func() error { return mailbox.Reply(m, t, &answer) })
	}
	if err != nil {
		mailbox.Discard(t, &answer)
	}
	return err
}

// discardBeside releases the buffers of an answer that is not sent because its handler
// has returned an error beside it. Such an answer may be unfinished, with a buffer that
// was already released, or a value that its marshaler does not expect: buffers after
// that are left to the handler.
func discardBeside[R any](t *codec.Type, answer R) {
	defer func() { _ = recover() }()
	mailbox.Discard(t, &answer)
}

// register records the message type t, or why it cannot be handled, and says whether
// it can.
func (r *running) register(t *codec.Type, err error, noHandler bool) bool {
	if r.draft == nil {
		panic("actor: a handler is registered after Setup has returned: register all handlers of an actor in its Setup")
	}
	if err == nil && noHandler {
		err = fmt.Errorf("actor: the handler for %s is nil", t.Name())
	}
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

// name notes a type whose name the supervisor will be told.
func (r *running) name(t *codec.Type) {
	if len(r.types) < maxTypeNames && len(t.Name()) < maxTypeName {
		r.types = append(r.types, wire.TypeName{ID: uint64(t.ID()), Name: t.Name()})
	}
}

// Bounds of the names that the supervisor is told, so that they fit into one frame.
const (
	maxTypeNames = 200 // types
	maxTypeName  = 256 // bytes of a name
)

// start runs setup.
func (d *Definition[P]) start(h *host) (*running, error) {
	r := &running{draft: &draft{handlers: map[codec.ID]mailbox.Handler{}}, host: h, ctx: newContext(h)}
	err := d.setup(&Setup[P]{r: r})
	if all := errors.Join(append(r.errs, err)...); all != nil {
		return nil, all
	}
	return r, nil
}
