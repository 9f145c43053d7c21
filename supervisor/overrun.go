package supervisor

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// bounds is what each process may ask of the root; see keeper.Bounds.
var bounds = keeper.DefaultBounds()

// overrun ends a process that has asked the root for more than it may: nothing else
// bounds how much of the root's memory and descriptors a broken or hostile process uses.
// This death is the process's own doing, so it is charged to the message in hand.
func (s *Supervisor) overrun(who wire.Addr, err *keeper.BoundError) {
	c := s.children[who.ID]
	switch {
	case c == nil:
	case c.next.at(who):
		s.soon = append(s.soon, func() { s.giveUp(c, c.next.step(), err) })
	case c.run == nil || c.run.addr != who: // it has already died
	case c.away != nil:
		s.order(c.away, order{What: orderOverrun, ID: c.id, Incarnation: c.incarnation, Text: err.Error()}, nil)
		s.insist(c, c.run, killTime)
	default:
		s.killOverrun(c, c.run, err.Error())
	}
}

// deaf ends a process that does not read its link. If it is this process itself, only the
// link ends.
func (s *Supervisor) deaf(r *running) {
	s.log.Error("a process does not read its link", "process", r.addr, "frames", maxQueue)
	if r.addr.ID == 0 {
		sock.Break(r.link, errors.New("its frames are not read"))
		return
	}
	s.keeper.Deaf(r.addr, maxQueue)
}

func (s *Supervisor) killOverrun(c *child, r *running, text string) {
	c.doom = &doom{wire.ExitSignal, fmt.Sprintf("killed: %s", text)}
	s.event(EventOverrun, c, text)
	_ = r.kill()
}
