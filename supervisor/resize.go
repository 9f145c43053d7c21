package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// ErrResizing says that another Resize of the same pool is going on.
var ErrResizing = errors.New("it is being resized")

// Resize makes a pool larger or smaller, and returns when it has size members. id is
// the field ID of the pool's Ref.
//
// A new member gets messages as soon as it is ready. If there are too many members, the
// newest leave. A member that leaves gets no more messages: they go to other members,
// and a send to its own Ref gives an *actor.GoneError. It handles what is in its mailbox
// and ends. If this takes longer than its Shutdown time, the member is killed; then, or
// if it dies before, its unread messages become dead letters. A member that is being
// restarted handles its mailbox in its next incarnation, and then ends.
//
// If Resize fails, or ctx ends, the pool keeps the members that it has by then.
func (s *Supervisor) Resize(ctx context.Context, id uint32, size int) error {
	if size < 1 || size > MaxPool {
		return fmt.Errorf("supervisor: size %d of a pool: it must be between 1 and %d", size, MaxPool)
	}
	if s.ofActor() {
		return s.tellRoot(ctx, order{What: orderResize, ID: id, Size: size})
	}
	pool, err := s.beginResize(id)
	switch {
	case err == errAway:
		return s.resizeAway(ctx, id, size)
	case err != nil:
		return err
	}
	// The pool itself, and not the one that has its number then: it is not listed while the
	// supervisor above it does not run, and comes back with that.
	defer s.call(func() { pool.resizing = false })
	for {
		done, err := s.resizeStep(ctx, id, size)
		if err != nil {
			return err
		}
		if done {
			s.awaitMembers(ctx)
			return nil
		}
	}
}

// awaitMembers waits until this process knows the keeper's current list of members.
func (s *Supervisor) awaitMembers(ctx context.Context) {
	if s.host != nil {
		// A round trip on the link: the list was sent on it before the answer.
		_, _ = actor.Lookup[struct{}](s.Context(ctx), "")
	}
}

// resizeAway is Resize of a pool below a supervisor in another process. The pool keeps
// its new size when that process is restarted.
func (s *Supervisor) resizeAway(ctx context.Context, id uint32, size int) error {
	err := s.await(ctx, func(call uint64) error {
		c := s.children[id]
		if c == nil {
			return commandError(nil, id, ErrNotFound)
		}
		c.sized = true
		s.orderUntil(ctx, c.away, order{What: orderResize, ID: id, Size: size}, s.finishing(call))
		return nil
	})
	if err == nil {
		s.awaitMembers(ctx)
	}
	return err
}

// beginResize records that a Resize of a pool begins.
func (s *Supervisor) beginResize(id uint32) (pool *child, err error) {
	err = ErrEnded
	s.call(func() {
		c := s.children[id]
		switch {
		case c == nil:
			err = commandError(nil, id, ErrNotFound)
		case c.route() == 0:
			err = commandError(c, id, errors.New("it is not a pool"))
		case c.away != nil:
			err = errAway
		case c.resizing:
			err = commandError(c, id, ErrResizing)
		default:
			c.resizing, pool, err = true, c, nil
		}
	})
	return pool, err
}

// resizeStep starts or ends one member, or finds that there is nothing to do.
func (s *Supervisor) resizeStep(ctx context.Context, id uint32, size int) (done bool, err error) {
	var number int
	var last uint32
	err = ErrEnded
	s.call(func() {
		c := s.children[id]
		if c == nil || c.sub == nil {
			err = commandError(c, id, ErrNotRunning)
			return
		}
		err = nil
		members := slices.DeleteFunc(c.sub.machine.Children(), func(i tree.Info) bool { return !s.children[i.ID].member() })
		switch {
		case len(members) == size:
			done = true
		case len(members) > size:
			last = members[len(members)-1].ID
		default:
			number = s.freeNumber(c)
		}
	})
	below := &Supervisor{engine: s.engine, id: id}
	switch {
	case done || err != nil:
	case number > 0:
		err = below.addMember(ctx, number)
	default:
		if err = s.await(ctx, func(call uint64) error { return s.retire(id, last, call) }); err != nil {
			break
		}
		if err = below.Delete(ctx, last); errors.Is(err, ErrNotFound) {
			err = nil // a temporary member is forgotten automatically
		}
	}
	return done, err
}

// freeNumber is the smallest number that is not the name of a member of c.
func (s *Supervisor) freeNumber(c *child) int {
	used := map[string]bool{}
	for _, i := range c.sub.machine.Children() {
		used[s.children[i.ID].name] = true
	}
	n := 1
	for used[c.sub.pathOf(strconv.Itoa(n))] {
		n++
	}
	return n
}

// addMember starts a member. From then on, restarts of the pool start it too.
func (s *Supervisor) addMember(ctx context.Context, number int) error {
	var spec Child
	ok := s.call(func() {
		if c := s.children[s.id]; c != nil {
			spec = c.spec.Supervisor.pool.member(number)
		}
	})
	if !ok || spec.Actor == nil {
		return ErrEnded
	}
	id, err := s.start(ctx, spec)
	if err != nil {
		return err
	}
	s.call(func() {
		c, m := s.children[s.id], s.children[id]
		if c == nil || m == nil || c.sub == nil || m.branch != c.sub {
			return // the pool or the member has already ended
		}
		if x := c.static[spec.Name]; x != nil { // it was deleted, and this one has its name
			s.forgotten(x)
		}
		m.listed = true
		c.static[spec.Name] = m
		c.listMembers(append(c.membersBut(spec.Name), spec))
	})
	return nil
}

// membersBut returns the children that a restart of the pool starts, without one.
func (c *child) membersBut(name string) []Child {
	return slices.DeleteFunc(slices.Clone(c.spec.Supervisor.Children), func(x Child) bool { return x.Name == name })
}

// listMembers sets the children that a restart of the pool starts.
func (c *child) listMembers(list []Child) {
	pool, spec := *c.spec.Supervisor, *c.spec
	pool.Children = list
	spec.Supervisor, c.spec = &pool, &spec
}

// resized sets the members of a pool to those with these numbers.
func (c *child) resized(numbers []uint32) {
	var list []Child
	for _, n := range numbers {
		list = append(list, c.spec.pool().member(int(n)))
	}
	c.listMembers(list)
}

// retire ends a member once it has handled what is in its mailbox. call is finished when
// the member has ended.
func (s *Supervisor) retire(pool, id uint32, call uint64) error {
	c, m := s.children[pool], s.children[id]
	if c == nil || c.sub == nil || m == nil || m.branch != c.sub {
		return commandError(m, id, ErrNotFound)
	}
	if s.above != nil {
		s.above.send(&wire.Leaving{ID: id})
	} else {
		s.keeper.Leave(pool, id)
	}
	name := m.name[len(c.sub.path)+1:]
	delete(c.static, name)
	c.listMembers(c.membersBut(name))
	m.listed, m.retiring = false, true
	b := m.branch
	end := func() { s.stepIn(b, tree.Terminate{Call: call, ID: id}) }
	if i, ok := b.machine.Child(id); m.run != nil || m.buried || !ok || i.State == tree.Stopped {
		end() // it runs, or has no mailbox until it is started by hand
		return nil
	}
	// It is between two incarnations: the next one will read the mailbox. If none
	// comes, bury finishes the call.
	m.retire = func(running bool) {
		if running {
			end()
		} else {
			s.finish(call, nil)
		}
	}
	return nil
}

// retireNow continues the retirement of a member that was between two incarnations.
func (s *Supervisor) retireNow(c *child, running bool) {
	if f := c.retire; f != nil {
		c.retire = nil
		s.soon = append(s.soon, func() { f(running) })
	}
}

// askToEnd asks a child to end: at once, or when its mailbox is empty. One that cannot
// hear that is killed: no time would be long enough.
func (s *Supervisor) askToEnd(c *child) {
	switch {
	case c.deaf():
		s.killOverdue(c, "it cannot be asked to end: it has closed its control link")
	case !c.retiring:
		c.run.tell(&wire.Stop{Reason: wire.ReasonShutdown})
	case s.above != nil: // the root knows when
		c.run.tell(&wire.Drain{})
	default:
		s.drainMailbox(c)
	}
}

// drainMailbox asks a child to end when its mailbox is empty.
func (s *Supervisor) drainMailbox(c *child) {
	r := c.run
	s.keeper.Drain(c.id, func() {
		if c.run == r {
			r.tell(&wire.Drain{})
		}
	})
}
