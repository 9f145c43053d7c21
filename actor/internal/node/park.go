package node

// A process may have very many actors in place that have nothing to do. A waiting
// goroutine for each would be most of the memory that such an actor takes. So its loop
// parks instead: Serve returns, and when something comes, a new goroutine calls it again:
//
//	Serve ──► nothing to do ──► parked: the role is held, peers know that they
//	  ▲                         have to wake this node, and nobody waits
//	  └────── a new goroutine ◄── a bell, a frame, Interrupt

// parker is a notifier that can wait without a goroutine.
type parker interface{ Park(resume func()) }

// ParkedError is what Serve returns if there is nothing to do and nobody needs to wait.
// The caller has to call Park as its last action, and return.
type ParkedError struct{}

func (ParkedError) Error() string { return "node: parked" }

// Park makes resume be called, in a new goroutine, when there is something to do for
// Serve. It has to be called once after a ParkedError.
func (n *Node) Park(resume func()) {
	n.cfg.Notifier.(parker).Park(func() {
		n.setArmed(false)
		n.role <- struct{}{}
		resume()
	})
}

// settles says whether the actor's loop may park. Like a waiter it polls for w and
// prepares to sleep, but does not wait. It returns false if something has come, if
// another goroutine is the waiter, or if the wait has its own time limit.
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
