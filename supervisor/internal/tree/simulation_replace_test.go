package tree

// heir is what the world has seen of a successor.
type heir struct {
	incarnation uint32 // 0: there is none
	ready       bool
	asked       bool // its predecessor was asked to hand over
	committed   bool // it will take over
	abandoned   bool // it is being killed
	dead        bool // committed, and dead
	last        Reason
}

// replacements counts what the histories have met of them.
type replacements struct{ TakeOvers, GivenUp, LateAbandons, DeadHeirs int }

func (r *replacements) add(o replacements) {
	r.TakeOvers, r.GivenUp = r.TakeOvers+o.TakeOvers, r.GivenUp+o.GivenUp
	r.LateAbandons, r.DeadHeirs = r.LateAbandons+o.LateAbandons, r.DeadHeirs+o.DeadHeirs
}

// heirs is the children with a successor whose process exists, in order.
func (w *world) heirs() (ids []uint32) {
	for id := uint32(1); id <= w.lastID; id++ {
		if k := w.kids[id]; k != nil && k.heir.incarnation != 0 && !k.heir.dead {
			ids = append(ids, id)
		}
	}
	return ids
}

// heirStep lets a replacement do its next thing.
func (w *world) heirStep(id uint32, kindly bool) bool {
	k := w.kids[id]
	h := &k.heir
	n := h.incarnation
	switch {
	case h.abandoned, !kindly && w.rand.IntN(5) == 0:
		r := Reason(w.rand.IntN(6))
		if h.committed && !h.abandoned {
			h.dead, h.last = true, r
		} else {
			*h = heir{}
		}
		if !h.committed && w.rand.IntN(4) == 0 {
			w.handle(Ignored{id, n})
		} else {
			w.handle(Exited{id, n, r})
		}
	case h.committed: // its predecessor has to end first
		return false
	case !kindly && w.rand.IntN(8) == 0:
		w.seen.GivenUp++
		w.handle(GiveUp{id, n, ErrStart})
	case !h.ready:
		h.ready = true
		w.handle(Ready{id, n})
	case h.asked:
		w.handle(HandedOver{id, n})
	default:
		w.fail("the successor %d.%d is ready, and nobody asks its predecessor", id, n)
	}
	return true
}

// replacing checks the actions of a replacement. The holder of the mailbox is
// the kid's incarnation while that is alive, and it changes only by TakeOver and
// Spawn: both demand that nobody is.
func (w *world) replacing(a Action) {
	switch a := a.(type) {
	case SpawnSuccessor:
		k := w.kids[a.ID]
		if k == nil || !k.alive || !k.ready || k.stopping || k.heir.incarnation != 0 || w.ending || a.Incarnation != k.issued+1 {
			w.fail("a successor %d.%d beside %+v", a.ID, a.Incarnation, k)
			return
		}
		k.issued, k.heir = a.Incarnation, heir{incarnation: a.Incarnation}
	case HandOver:
		k := w.kids[a.ID]
		if !k.alive || k.stopping || !k.heir.ready || k.heir.abandoned || k.incarnation != a.Incarnation || k.heir.incarnation != a.Successor {
			w.fail("%d.%d is to hand over: %+v", a.ID, a.Incarnation, k)
		}
		k.heir.asked = true
	case Commit:
		k := w.kids[a.ID]
		if !k.alive || k.stopping || !k.heir.asked || k.heir.abandoned || k.incarnation != a.Incarnation {
			w.fail("%d.%d is to end: %+v", a.ID, a.Incarnation, k)
		}
		k.heir.committed = true
	case TakeOver:
		w.takeOver(w.kids[a.ID], a)
	case Abandon:
		k := w.kids[a.ID]
		if k.heir.incarnation != a.Incarnation || k.heir.abandoned {
			w.fail("%d.%d is abandoned: %+v", a.ID, a.Incarnation, k)
		}
		if k.heir.committed {
			w.seen.LateAbandons++
		}
		k.heir.abandoned = true
		if k.heir.dead {
			k.heir = heir{}
		}
	}
}

func (w *world) takeOver(k *kid, a TakeOver) {
	if k.alive {
		w.fail("two holders of %d's mailbox: %d.%d takes over from %d", a.ID, a.ID, a.Incarnation, k.incarnation)
	}
	h := k.heir
	if !h.committed || h.abandoned || h.incarnation != a.Incarnation {
		w.fail("%d.%d takes over: %+v", a.ID, a.Incarnation, k)
	}
	w.seen.TakeOvers++
	k.heir, k.incarnation = heir{}, a.Incarnation
	k.alive, k.ready, k.stopping, k.wasReady = true, true, false, true
	if h.dead {
		w.seen.DeadHeirs++
		w.dead(k, h.last)
	}
}

// checkHeirs checks what must hold between two inputs.
func (w *world) checkHeirs() {
	for id, k := range w.kids {
		h := k.heir
		switch {
		case h.incarnation == 0:
		case h.committed && h.abandoned && k.alive && !k.stopping:
			w.fail("%d has handed over, and goes on", id)
		case !k.alive && !h.abandoned:
			w.fail("%d.%d waits for one that is dead", id, h.incarnation)
		case k.stopping && !h.abandoned:
			w.fail("%d.%d can take over from one that is stopped", id, h.incarnation)
		}
	}
}
