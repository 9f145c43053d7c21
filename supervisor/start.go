package supervisor

import (
	"context"
	"fmt"
	"strings"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// Start starts an actor in a process of its own, with the default Child, and
// returns when it is ready. See StartChild.
func Start[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P]) (actor.Ref[P], error) {
	return StartChild(ctx, sup, def, Child{})
}

// StartChild starts an actor as the last child of sup and returns its Ref when
// its Setup has returned. If the start fails, the error says how, and the
// supervisor goes on without the child. If ctx ends first, the child is
// stopped.
//
// If sup's strategy is SimpleOneForOne, the child is made from sup's template,
// whose actor must be def; child may only have a Name, and an Env that is added
// to the template's.
func StartChild[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P], child Child) (actor.Ref[P], error) {
	child.Actor = def
	id, err := sup.start(ctx, child)
	return actor.Ref[P]{ID: id}, err
}

// StartSupervisor starts a supervisor below s, as its last child, and returns
// when the children of spec are ready. Its children are processes like those of
// s; it is not: the loop of the program's supervisor drives it, by rules of its
// own. It ends as a child does: when it gives up, because there were too many
// restarts, the rules of s decide, by child's Restart, whether it is started
// again, with the children of spec. Those keep their Refs and what is unread in
// their mailboxes; children that were added later are gone, as in OTP.
//
// child says how it is restarted and stopped: Name, Restart, Significant,
// Shutdown, Backoff. A Shutdown of 0 means Infinity, so that everything below
// can end in its own time. What is handed back stands for the supervisor,
// whatever incarnation of it runs.
func (s *Supervisor) StartSupervisor(ctx context.Context, spec Spec, child Child) (*Supervisor, error) {
	child.Supervisor = &spec
	id, err := s.start(ctx, child)
	if err != nil {
		return nil, err
	}
	return &Supervisor{engine: s.engine, id: id}, nil
}

// ID is the number by which the supervisor above knows s; 0 for the program's
// supervisor.
func (s *Supervisor) ID() uint32 { return s.id }

// Below finds a supervisor below s by its path: the names from s down, with
// slashes.
func (s *Supervisor) Below(path string) (*Supervisor, error) {
	c, err := s.lookup(path)
	if err != nil {
		return nil, err
	}
	if !c.spec.supervises() {
		return nil, fmt.Errorf("supervisor: child %s is no supervisor", c.spec.Name)
	}
	return &Supervisor{engine: s.engine, id: c.id}, nil
}

// Find finds an actor below sup by its path: the names from sup down, with
// slashes. It is how one gets the Ref of a child that is listed in a Spec.
func Find[P any](sup *Supervisor, def *actor.Definition[P], path string) (actor.Ref[P], error) {
	c, err := sup.lookup(path)
	if err != nil {
		return actor.Ref[P]{}, err
	}
	if c.definition != def.Name() {
		return actor.Ref[P]{}, fmt.Errorf("supervisor: child %s does not run the actor %q", c.spec.Name, def.Name())
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
				if c.branch == b && c.spec.Name == b.below(name) {
					found = c
				}
			}
			if found == nil {
				break
			}
			b = found.sub
		}
		err = nil
		if found == nil {
			err = fmt.Errorf("supervisor: child %s: %w", path, tree.ErrNotFound)
		}
	})
	return found, err
}
