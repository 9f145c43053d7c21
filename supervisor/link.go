package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// linkEnded ends an actor because one that it is linked with has ended: it is asked to
// end, and killed when its time is over. For the rules it has died by itself, for the
// same reason as the other actor. Only the root knows the other's name.
func (s *Supervisor) linkEnded(peer wire.Addr, exit *wire.Exit) {
	if s.above == nil {
		named := *exit
		named.Summary = fmt.Sprintf("linked with %s, which has ended: %s", s.nameOf(exit.Addr.ID), exit.Summary)
		exit = &named
	}
	c := s.children[peer.ID]
	if c != nil && c.next.at(peer) {
		s.soon = append(s.soon, func() {
			s.giveUp(c, "start", errors.New("it is "+exit.Summary))
		})
		return
	}
	if c == nil || c.run == nil || c.run.addr != peer || c.asked || c.linked != nil {
		return // it is already ending, or has ended
	}
	if c.away != nil {
		s.toSupervisor(c, &wire.Linked{Exit: *exit})
		return
	}
	c.linked = exit
	s.event(EventStopping, c, exit.Summary)
	r := c.run
	if c.spec.Shutdown == BrutalKill || c.deaf() {
		_ = r.kill()
		return
	}
	r.tell(&wire.Stop{Reason: exit.Reason})
	if limit := c.spec.stopTime(); limit != Infinity {
		s.after(c, limit, func() {
			_ = r.kill()
			s.event(EventKilled, c, fmt.Sprintf("did not end within %v after the end of a linked actor", limit))
		})
	}
}

// nameOf is the name of an actor, or its number if no actor has that number.
func (s *Supervisor) nameOf(id uint32) string {
	return cmp.Or(s.keeper.Name(id), fmt.Sprint("number ", id))
}

// crowded reports an actor that has not read what earlier incarnations of a sender have
// sent.
func (s *Supervisor) crowded(to uint32, from wire.Addr) {
	c, name := s.children[to], fmt.Sprint(from)
	if c == nil {
		return
	}
	if by := s.children[from.ID]; by != nil {
		name = by.name
	}
	s.event(EventCrowded, c, fmt.Sprintf("messages of two earlier incarnations of %s are unread; it waits", name))
	s.log.Warn("messages of earlier incarnations are unread: a sender waits", "actor", c.name, "sender", name)
}

// byLink says whether a child with exit x has ended because of a link, rather than by
// itself.
func (c *child) byLink(x process.Exit) bool {
	return c.linked != nil && !c.asked && (x.Kind == wire.ExitNormal || x.Signal == syscall.SIGKILL)
}

// reasonOf is the rules' form of a reason that was declared or came over a link.
func reasonOf(word string) tree.Reason {
	switch {
	case word == wire.ReasonNormal:
		return tree.Normal
	case word == wire.ReasonShutdown:
		return tree.ByRequest
	case strings.HasPrefix(word, wire.ReasonShutdown+": "):
		return tree.ShutdownWith
	}
	return tree.Abnormal
}

// word is OTP's word for the reason of an end, as death notices carry it.
func (c *child) word(x process.Exit, reason tree.Reason) string {
	switch {
	case c.byLink(x):
		return c.linked.Reason
	case reason == tree.ShutdownWith:
		return c.declared
	case reason == tree.ByRequest && c.declared == wire.ReasonReplaced:
		return wire.ReasonReplaced
	case reason == tree.ByRequest:
		return wire.ReasonShutdown
	case reason == tree.Normal:
		return wire.ReasonNormal
	case x.Signal == syscall.SIGKILL || reason == tree.Killed:
		return wire.ReasonKilled
	}
	return wire.ReasonError
}
