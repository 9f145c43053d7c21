package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport/wire"
)

// Definition is a supervisor that can have its own process: a name, and the function
// that says what it starts. Define makes it.
type Definition struct {
	name string
	init func() (Spec, error)
}

// Name is the name that Define was given.
func (d *Definition) Name() string { return d.name }

// definitions holds every supervisor that the program defines. Package-level variables
// fill it. It is the same in all processes.
var definitions struct {
	sync.Mutex
	byName map[string]*Definition
}

// Define defines a supervisor that can have its own process. init, OTP's init/1,
// returns what the supervisor starts, and by which rules. It is called in that process
// whenever the supervisor is started, also after a crash, and must not block. If it
// returns an error, the start has failed; actor.ErrIgnore means that the supervisor is
// not wanted.
//
//	var workers = supervisor.Define("workers", func() (supervisor.Spec, error) {
//		return supervisor.Spec{Strategy: supervisor.OneForAll, Children: []supervisor.Child{
//			{Actor: reader}, {Actor: writer},
//		}}, nil
//	})
//
// Call Define only in declarations of package-level variables, so that every process
// of the program knows the same supervisors. It panics if the name is empty or already
// defined, or init is nil.
func Define(name string, init func() (Spec, error)) *Definition {
	definitions.Lock()
	defer definitions.Unlock()
	if name == "" {
		panic("supervisor: Define with an empty name")
	}
	if init == nil {
		panic(fmt.Sprintf("supervisor: Define(%q) with a nil init", name))
	}
	if definitions.byName[name] != nil {
		panic(fmt.Sprintf("supervisor: %q is defined twice", name))
	}
	if definitions.byName == nil {
		definitions.byName = map[string]*Definition{}
	}
	d := &Definition{name, init}
	definitions.byName[name] = d
	return d
}

func definitionOf(name string) (*Definition, error) {
	definitions.Lock()
	defer definitions.Unlock()
	if d := definitions.byName[name]; d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("supervisor: %q is not defined in this program: Define must be called in a package-level variable declaration", name)
}

// spec calls init and checks its result.
func (d *Definition) spec() (Spec, error) {
	spec, err := d.init()
	if err != nil {
		return spec, err
	}
	return spec, spec.validateBelow()
}

// StartSubtree starts the supervisor that def defines, in its own process, as the last
// child of sup, and returns when its children are ready. That process starts and
// watches them by its own rules. Their mailboxes are in the root process, so nothing
// unread is lost if it dies. In that case all its children are ended before it is
// started again, with the children that its definition lists; those keep their Refs.
//
// child says how the supervisor is restarted and stopped, as with
// Supervisor.StartSupervisor. Its children inherit child.Env. With InPlace the
// supervisor runs in the process of sup.
func StartSubtree(ctx context.Context, sup *Supervisor, def *Definition, child Child) (*Supervisor, error) {
	child.Subtree = def
	id, err := sup.start(ctx, child)
	if err != nil {
		return nil, err
	}
	return &Supervisor{engine: sup.engine, id: id}, nil
}

// supervises says whether the child is a supervisor.
func (c Child) supervises() bool { return c.Supervisor != nil || c.Subtree != nil }

// driven says whether the child is a supervisor without a process of its own.
func (c Child) driven() bool { return c.Supervisor != nil || c.Subtree != nil && c.InPlace }

// startTime is how long the child may take to become ready.
func (c Child) startTime() time.Duration {
	if c.supervises() {
		return orDefault(c.Start, Infinity)
	}
	return orDefault(c.Start, 30*time.Second)
}

// stopTime is how long the child may take to end.
func (c Child) stopTime() time.Duration {
	if c.supervises() {
		return orDefault(c.Shutdown, Infinity)
	}
	return orDefault(c.Shutdown, 5*time.Second)
}

// validateSubtree lists the fields that conflict with Subtree.
func (c Child) validateSubtree() (errs []error) {
	bad := func(text string) { errs = append(errs, errors.New("supervisor: "+text)) }
	if c.Subtree.name == "" {
		bad("Subtree was not made by Define")
	}
	if c.Actor != nil || c.Supervisor != nil || c.Command != nil {
		bad("Actor, Command, Supervisor and Subtree: a child is one of them")
	}
	if c.Watchdog != 0 {
		bad("Watchdog is for actors: a supervisor has no mailbox")
	}
	if c.InPlace && (len(c.Env) > 0 || c.PassEnv != nil || c.Stderr != nil || c.Start != 0) {
		bad("Env, PassEnv, Stderr and Start of a Subtree are for its process: with InPlace it has none")
	}
	return errs
}

// gaveUp is the summary of how a supervisor in its own process ended. If it has said
// why it gave up, it has ended normally, for that reason.
func (c *child) gaveUp(x process.Exit) string {
	if c.ready && c.failed != "" && x.Kind == wire.ExitNormal {
		return "shutdown: " + c.failed
	}
	return x.Summary
}
