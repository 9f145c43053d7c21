package node

import (
	"context"

	"github.com/understudy-go/understudy/transport/wire"
)

// monitor is one watch over one incarnation of an actor.
type monitor struct {
	token uint64
	id    uint32
	ch    chan wire.Exit // nil: the notice goes to the actor's own handler
}

// down is a notice that waits until the dead actor's last message has been
// handled.
type down struct {
	m    *monitor // nil: of a link
	exit wire.Exit
}

// Monitor asks for one notice about the incarnation of the target that is
// alive now. The notice comes through the channel, or, when own is set, as a
// call of the actor's onDown. Cancel takes the monitor back. A replacement is no
// end, but for process, which watches one process only.
func (n *Node) Monitor(ctx context.Context, id uint32, own, process bool) (ch <-chan wire.Exit, cancel func(), err error) {
	m, how := &monitor{id: id}, uint8(wire.MonitorActor)
	if process {
		how = wire.MonitorProcess
	}
	if !own {
		m.ch = make(chan wire.Exit, 1)
	}
	n.mu.Lock()
	if n.closed != nil {
		n.mu.Unlock()
		return nil, nil, n.closed
	}
	n.mu.Unlock()
	// Placed when the supervisor says so: a death from then on is noticed.
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
		return nil, nil, err
	}
	return m.ch, func() { n.demonitor(m) }, nil
}

// demonitor leaves no notice behind.
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
		n.deliverChannels()
		n.kick()
	}
}

// due takes the notices out whose actor's messages have all been handled.
func (n *Node) due(own bool) []down {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []down
	keep := n.downs[:0]
	for _, d := range n.downs {
		switch {
		case d.m == nil:
			if !own || n.unread(d.exit.Addr) {
				keep = append(keep, d)
			} else {
				out = append(out, d)
			}
		case n.monitors[d.m.token] == nil: // taken back
		case (d.m.ch == nil) != own || n.unread(d.exit.Addr):
			keep = append(keep, d)
		default:
			delete(n.monitors, d.m.token)
			d.exit.Addr.ID = d.m.id // of a pool it is its last member's until here
			out = append(out, d)
		}
	}
	n.downs = keep
	return out
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

func (n *Node) deliverChannels() {
	for _, d := range n.due(false) {
		d.m.ch <- d.exit // one notice, room for one
	}
}

// deliverDowns hands out the notices that are due. The actor's loop calls it.
func (n *Node) deliverDowns() {
	n.deliverChannels()
	if n.onDown == nil && n.onExit == nil {
		return
	}
	for _, d := range n.due(true) {
		if d.m == nil {
			n.onExit(d.exit)
		} else if n.onDown != nil {
			n.onDown(d.exit)
		}
	}
}
