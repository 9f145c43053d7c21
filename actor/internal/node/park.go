package node

// A process may have very many actors in place that have nothing to do. A
// goroutine for each that waits would be most of what such an actor takes: so its
// loop parks instead. Serve returns, and when something comes, a goroutine calls
// it again:
//
//	Serve ──► nothing to do ──► parked: the role is held, peers know that they
//	  ▲                         have to wake this node, and nobody waits
//	  └────── a new goroutine ◄── a bell, a frame, Interrupt

// parker is a notifier whose Wait can be had without a goroutine.
type parker interface{ Park(resume func()) }

// ParkedError is what Serve returns when there is nothing to do and nobody needs
// to wait: the caller returns as well, and calls Park last of all.
type ParkedError struct{}

func (ParkedError) Error() string { return "node: parked" }

// Park makes resume be called, in a goroutine of its own, when there is something
// to do for Serve. It is called after a ParkedError, once.
func (n *Node) Park(resume func()) {
	n.cfg.Notifier.(parker).Park(func() {
		n.setArmed(false)
		n.role <- struct{}{}
		resume()
	})
}

// settles says whether the actor's loop may park: it polls for w as a waiter
// does, and goes to sleep, but for the waiting itself. It says no when
// something has come, when another goroutine is the waiter, or when the wait has a
// time of its own.
func (n *Node) settles(w *loopWait) bool {
	if n.awaited.Load() > 0 {
		return false
	}
	if _, ok := n.cfg.Notifier.(parker); !ok || !n.cfg.Parks {
		return false
	}
	select {
	case <-n.role:
	default:
		return false
	}
	n.refresh()
	if !n.spinFor(w) {
		n.refresh()
		n.look(w)
		if !w.poll() {
			n.setArmed(true)
			if n.quiet() && !w.poll() {
				return true
			}
			n.setArmed(false)
		}
	}
	n.role <- struct{}{}
	return false
}
