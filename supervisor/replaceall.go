package supervisor

import (
	"context"
	"errors"
	"fmt"
)

// ReplaceAll replaces all actors below s, one after another, in the order in which
// they were started; the children of a supervisor below s come before what was started
// after that supervisor. A child that has no process at the moment, or is just being
// started, is started from r.Path the next time. Commands are left as they are.
//
// A supervisor's own process is not replaced, since its children would end with it.
// When it is restarted, it and everything below it are started from r.Path.
//
// ReplaceAll stops at the first child that cannot be replaced, and the error says
// which: the children before it run the new program, those after it the old one. Both
// can continue like that, and ReplaceAll may be called again.
func (s *Supervisor) ReplaceAll(ctx context.Context, r Replacement) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if s.ofActor() {
		if s.id == 0 { // the caller is among the replaced
			if err := s.ownActor(s.host.ID()); err != nil {
				return err
			}
		}
		return s.tellRoot(ctx, order{What: orderAll, Replacement: &r})
	}
	children, err := s.list(ctx)
	if err != nil {
		return err
	}
	for _, c := range children {
		switch {
		case c.Supervisor && c.State == "stopped":
			s.startFrom(c.ID, r.Path)
			continue
		case c.Supervisor:
			if err = (&Supervisor{engine: s.engine, id: c.ID}).ReplaceAll(ctx, r); err == nil {
				s.startFrom(c.ID, r.Path)
			}
		default:
			err = s.replaceOne(ctx, c.ID, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replaceOne replaces a child, if it is an actor that runs.
func (s *Supervisor) replaceOne(ctx context.Context, id uint32, r Replacement) error {
	actor := false
	s.call(func() {
		c := s.children[id]
		actor = c != nil && c.isActor()
	})
	if !actor {
		return nil
	}
	err := s.Replace(ctx, id, r)
	switch {
	case errors.Is(err, ErrNotFound): // it was removed meanwhile
		return nil
	case errors.Is(err, ErrNotRunning) && !errors.As(err, new(*ReplaceError)), errors.Is(err, ErrRestarting):
		s.startFrom(id, r.Path)
		return nil
	}
	return err
}

// startFrom sets the executable from which a child is started from now on, unless path
// is empty.
func (s *Supervisor) startFrom(id uint32, path string) {
	s.call(func() {
		c := s.children[id]
		if c == nil || path == "" {
			return
		}
		s.setProgram(c, path)
		if c.away != nil {
			s.order(c.away, order{What: orderProgram, ID: id, Text: path}, nil)
		}
	})
}

// setProgram sets the executable of c and of the children that are kept for it, or listed
// by it if it is a supervisor without a process of its own. If it does not run, nothing
// else reaches those.
func (s *Supervisor) setProgram(c *child, path string) {
	c.program = path
	for _, x := range c.static {
		s.setProgram(x, path)
	}
	for _, x := range s.keptFor(c) {
		s.setProgram(x, path)
	}
}

// list is Children, with an error if they are not known: a supervisor in its own
// process may be between two incarnations, or stopped by a signal.
func (s *Supervisor) list(ctx context.Context) (list []ChildInfo, err error) {
	if s.ofActor() {
		out := s.askRoot(ctx, order{What: orderChildren})
		return out.Children, out.err()
	}
	var away *branch
	ok := s.call(func() {
		switch b := s.branch(); {
		case b == nil:
			err = commandError(s.children[s.id], s.id, ErrNotRunning)
		case b.away != nil:
			away = b
		default:
			list = s.childrenOf(b)
		}
	})
	switch {
	case !ok:
		return nil, ErrEnded
	case away == nil:
		return list, err
	}
	out := s.queryAway(ctx, orderChildren)
	if err := out.err(); err != nil {
		return nil, fmt.Errorf("supervisor: children of %s: %w", away.path, err)
	}
	return out.Children, nil
}
