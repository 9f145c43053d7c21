package supervisor

import (
	"context"
	"fmt"
	"strings"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// Start starts an actor in a process of its own, as the last child of sup, and
// returns its Ref when it is ready. It is StartChild with the zero Child: the child
// has the name of def.
func Start[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P]) (actor.Ref[P], error) {
	return StartChild(ctx, sup, def, Child{})
}

// StartChild starts an actor as the last child of sup, and returns its Ref when its
// Setup has returned. If the start fails, the error is a *StartError, and sup goes
// on without the child; if sup has a child of that name already, it is a
// *PresentError. If ctx ends first, the child is stopped.
//
// If sup has the strategy SimpleOneForOne, the child is made from sup's template,
// whose actor must be def. Then child may only have a Name, and an Env that is added
// to the template's. Without a Name it is called after the template and its number,
// "worker-9".
func StartChild[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P], child Child) (actor.Ref[P], error) {
	child.Actor = def
	id, err := sup.start(ctx, child)
	return actor.Ref[P]{ID: id}, err
}

// StartSupervisor starts a supervisor below s, as its last child, and returns when
// the children of spec are ready. It has no process of its own: it runs in that of
// s, by the rules of spec. When it gives up after too many restarts, the rules of s
// decide, by child.Restart, whether it is started again, with the children of spec.
// Those keep their Refs and the unread messages in their mailboxes; children that
// were added later are gone, as in OTP.
//
// child says how it is restarted and stopped, by its fields Name, Restart,
// Significant, Shutdown and Backoff. A Shutdown of 0 means Infinity, so that
// everything below can end in its own time. The Supervisor that is returned stays
// valid when it is started again.
func (s *Supervisor) StartSupervisor(ctx context.Context, spec Spec, child Child) (*Supervisor, error) {
	child.Supervisor = &spec
	id, err := s.start(ctx, child)
	if err != nil {
		return nil, err
	}
	return &Supervisor{engine: s.engine, id: id}, nil
}

// ID is the number of s as a child of the supervisor above, for Terminate and the
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
		return nil, fmt.Errorf("supervisor: child %s is no supervisor", c.name)
	}
	return &Supervisor{engine: s.engine, id: c.id}, nil
}

// Find returns the Ref of the actor at path below sup: the names from sup down,
// separated by slashes. It is how one gets the Ref of a child that is listed in a
// Spec. It fails if there is no such child, or if the child does not run def.
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

func (s *Supervisor) lookup(path string) (found *child, err error) {
	if s.far != nil {
		return s.lookupFar(path)
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
				if c.branch == b && c.name == b.below(name) {
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
		// What else is known of it, only the loop may look at.
		found, err = &child{id: found.id, name: found.name, spec: found.spec, definition: found.definition}, nil
	})
	return found, err
}
