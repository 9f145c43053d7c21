package node

import "github.com/understudy-go/understudy/mailbox"

// remains is what has ended but is still mapped.
type remains struct {
	targets []*Target       // ended for good
	pages   []*mailbox.Peer // of dead incarnations
	boxes   []*inbox        // read to their end
}

// dead returns the remains, to which what has ended is added for bury. n.mu is held.
func (n *Node) dead() *remains {
	if n.remains == nil {
		n.remains = &remains{}
	}
	return n.remains
}

// bury unmaps the pages and lanes of dead incarnations that nobody uses any more. It
// needs the waiter's role, since the waiter looks at them; without it, the waiter does it
// when it makes its lists again. What is to be buried is first removed from what the
// lists are made of, then counted in changes and, before mu is unlocked, added to the
// remains: so lists with that count do not contain it.
func (n *Node) bury() {
	select {
	case <-n.role:
		n.refresh()
		n.buryHolding()
		n.role <- struct{}{}
	default:
	}
}

func (n *Node) buryHolding() {
	n.mu.Lock()
	r := n.remains
	if r == nil || n.changes.Load() != n.watch.changes {
		n.mu.Unlock()
		return // some may be in the lists, which are made again before the next look
	}
	n.remains = nil
	for _, t := range r.targets {
		if p := t.box.End(); p != nil {
			p.Free()
			r.pages = append(r.pages, p)
		}
		n.drop(t)
	}
	for _, b := range r.boxes {
		if s := n.byID[b.From.ID]; s != nil && len(s.boxes) == 0 {
			delete(n.byID, b.From.ID) // most senders never come back
		}
	}
	var dead []*mailbox.Peer
	for _, p := range r.pages {
		if p.Unused() {
			dead = append(dead, p)
		} else { // an answer in it is being decoded
			n.dead().pages = append(n.dead().pages, p)
		}
	}
	n.mu.Unlock()
	for _, p := range dead {
		p.Unmap()
	}
	for _, b := range r.boxes {
		b.Close()
	}
}
