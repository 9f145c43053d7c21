package supervisor

import (
	"context"
	"fmt"
	"strings"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// Start starts an actor in its own process, as the last child of sup, and returns its
// Ref when it is ready. It is StartChild with the zero Child: the child has the name of
// def.
func Start[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P]) (actor.Ref[P], error) {
	return StartChild(ctx, sup, def, Child{})
}

// StartChild starts an actor as the last child of sup, and returns its Ref when its
// Setup has returned. If the start fails, the error is a *StartError, and sup goes on
// without the child; if sup already has a child of that name, it is a *PresentError. If
// ctx ends first, the child is stopped.
//
// If sup has the strategy SimpleOneForOne, the child is made from sup's template, whose
// actor must be def. Then only the fields Name and Env of child may be set; Env is added
// to the template's. Without a Name the child is named after the template and its
// number, as in "worker-9".
func StartChild[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P], child Child) (actor.Ref[P], error) {
	child.Actor = def
	id, err := sup.start(ctx, child)
	return actor.Ref[P]{ID: id}, err
}

// StartSupervisor starts a supervisor below s, as its last child, and returns when
// the children of spec are ready. The new supervisor has no process of its own: it runs
// in that of s, by the rules of spec. If it gives up after too many restarts, s decides
// by child.Restart whether it is started again, with the children of spec. These keep
// their Refs and unread messages; children that were added later are gone, as in OTP.
//
// child says how the new supervisor is restarted and stopped, with its fields Name,
// Restart, Significant, Shutdown and Backoff. A Shutdown of 0 means Infinity, so that
// everything below can take its time to end. The returned Supervisor stays valid after
// a restart.
func (s *Supervisor) StartSupervisor(ctx context.Context, spec Spec, child Child) (*Supervisor, error) {
	child.Supervisor = &spec
	id, err := s.start(ctx, child)
	if err != nil {
		return nil, err
	}
	return &Supervisor{engine: s.engine, id: id}, nil
}

// ID is the number of s as a child of the supervisor above it, for Terminate and the
// like; 0 for the program's supervisor.
func (s *Supervisor) ID() uint32 { return s.id }

// Below returns the supervisor at path below s: the names from s down, separated by
// slashes.
func (s *Supervisor) Below(path string) (*Supervisor, error) {
	c, err := s.lookup(path)
	if err != nil {
		return nil, err
	}
	if !c.spec.supervises() {
		return nil, fmt.Errorf("supervisor: child %s is not a supervisor", c.name)
	}
	return &Supervisor{engine: s.engine, id: c.id}, nil
}

// Find returns the Ref of the actor at path below sup: the names from sup down,
// separated by slashes. Use it to get the Ref of a child that is listed in a Spec. It
// fails if there is no such child, or if the child does not run def.
func Find[P any](sup *Supervisor, def *actor.Definition[P], path string) (actor.Ref[P], error) {
	c, err := sup.lookup(path)
	if err != nil {
		return actor.Ref[P]{}, err
	}
	if c.definition != def.Name() {
		return actor.Ref[P]{}, fmt.Errorf("supervisor: child %s does not run the actor %q", c.name, def.Name())
	}
	return actor.Ref[P]{ID: c.id}, nil
}

// admitted says whether a child has had its turn to be started, or is listed: until then
// another child may have its name, and keep it.
func (c *child) admitted() bool { return c.listed || c.incarnation > 0 || c.issued > 0 }

func (s *Supervisor) lookup(path string) (found *child, err error) {
	if s.ofActor() {
		return s.lookupByRoot(path)
	}
	err = ErrEnded
	s.call(func() {
		b := s.branch()
		for name := range strings.SplitSeq(path, "/") {
			found = nil
			if b == nil {
				break
			}
			for _, c := range s.children {
				if c.branch == b && c.name == b.pathOf(name) && c.admitted() {
					found = c
				}
			}
			if found == nil {
				break
			}
			b = found.sub
		}
		if found == nil {
			err = fmt.Errorf("supervisor: child %s: %w", path, tree.ErrNotFound)
			return
		}
		// Only the loop may access the other fields.
		found, err = &child{id: found.id, name: found.name, spec: found.spec, definition: found.definition}, nil
	})
	return found, err
}
