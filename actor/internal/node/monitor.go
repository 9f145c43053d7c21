package node

import (
	"context"
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// monitor watches one incarnation of an actor.
type monitor struct {
	token  uint64
	id     uint32
	notice func(wire.Exit) // called once, under Node.mu; nil: the notice goes to the actor's own handler
}

// down is a notice that waits until the dead actor's last message has been
// handled.
type down struct {
	m    *monitor // nil for the notice of a link
	exit wire.Exit
}

// own says whether the notice is for a handler of the actor, which the loop calls.
func (d *down) own() bool { return d.m == nil || d.m.notice == nil }

// Monitor asks for one notice about the incarnation of the target that is alive now. The
// notice comes as a call of notice, which must not block, or, if that is nil, of the
// actor's onDown. Cancel removes the monitor: once it has returned, no notice comes. A
// replacement is not an end, except with process, which watches only one process.
func (n *Node) Monitor(ctx context.Context, id uint32, notice func(wire.Exit), process bool) (cancel func(), err error) {
	m, how := &monitor{id: id, notice: notice}, uint8(wire.MonitorActor)
	if process {
		how = wire.MonitorProcess
	}
	// The monitor is placed when the supervisor answers: a death from then on is noticed.
	_, err = n.call(ctx, nil, func(token uint64) wire.Frame {
		m.token = token
		n.mu.Lock()
		if n.monitors == nil {
			n.monitors = map[uint64]*monitor{}
		}
		n.monitors[token] = m
		n.mu.Unlock()
		return &wire.Monitor{Token: token, ID: id, How: how}
	})
	if err != nil {
		n.demonitor(m)
		return nil, err
	}
	return func() { n.demonitor(m) }, nil
}

// demonitor removes a monitor and its notice, if that has come.
func (n *Node) demonitor(m *monitor) {
	n.mu.Lock()
	_, active := n.monitors[m.token]
	delete(n.monitors, m.token)
	n.mu.Unlock()
	if active {
		_ = n.send(&wire.Monitor{Token: m.token, How: wire.MonitorCancel})
	}
}

// down takes a notice from the supervisor.
func (n *Node) down(f *wire.Down) {
	n.mu.Lock()
	m := n.monitors[f.Token]
	if m != nil {
		n.downs = append(n.downs, down{m, f.Exit})
	}
	n.mu.Unlock()
	if m != nil {
		n.deliverNotices()
		n.kick()
	}
}

// deliverNotices hands out the notices of actors whose messages have all been handled.
// Those for the actor's own handlers it puts into due, for the loop.
func (n *Node) deliverNotices() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.downs = slices.DeleteFunc(n.downs, func(d down) bool {
		switch {
		case n.takenBack(&d):
			return true
		case n.unread(d.exit.Addr):
			return false
		case d.own():
			n.due = append(n.due, d)
		default:
			d.m.notice(n.last(&d))
		}
		return true
	})
}

// takenBack says whether the monitor was removed. n.mu is held.
func (n *Node) takenBack(d *down) bool { return d.m != nil && n.monitors[d.m.token] == nil }

// last ends the monitor of a notice that is about to be handed out, and returns
// what it says. n.mu is held.
func (n *Node) last(d *down) wire.Exit {
	if d.m != nil {
		delete(n.monitors, d.m.token)
		d.exit.Addr.ID = d.m.id // for a pool it was the number of its last member
	}
	return d.exit
}

// unread says whether a lane from that incarnation still has to be read.
// n.mu is held.
func (n *Node) unread(from wire.Addr) bool {
	if s := n.byID[from.ID]; s != nil {
		for _, b := range s.boxes {
			if b.From == from {
				return true
			}
		}
	}
	return false
}

// deliverDowns hands out all notices in due. The actor's loop calls it. A handler may
// remove later monitors, so each is checked when its turn comes.
func (n *Node) deliverDowns() {
	n.deliverNotices()
	for {
		d, ok := n.nextDue()
		switch {
		case !ok:
			return
		case d.m == nil && n.onExit != nil:
			n.onExit(d.exit)
		case d.m != nil && n.onDown != nil:
			n.onDown(d.exit)
		}
	}
}

// nextDue takes the next notice that the loop hands to the actor.
func (n *Node) nextDue() (d down, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.due) > 0 && !ok {
		d, n.due = n.due[0], n.due[1:]
		ok = !n.takenBack(&d)
	}
	if ok {
		d.exit = n.last(&d)
	}
	return d, ok
}
