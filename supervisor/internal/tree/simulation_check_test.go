package tree

import (
	"errors"
	"fmt"
)

// What the world does for a machine, and what it checks of each thing that it is
// told to do.

func (w *world) dead(k *kid, r Reason) {
	if !k.ready {
		r = Abnormal // whatever it says: a start that failed
	}
	k.alive, k.ready, k.stopping, k.last = false, false, false, r
}

func (w *world) handle(in Input) {
	w.history = append(w.history, fmt.Sprintf("%v %T%+v", w.now, in, in))
	if _, ok := in.(Shutdown); ok {
		w.ending = true
	}
	for _, a := range w.m.Handle(w.now, in) {
		w.history = append(w.history, "    "+text(a))
		w.act(a)
	}
	w.checkHeirs()
}

func (w *world) act(a Action) {
	switch a := a.(type) {
	case Spawn:
		w.spawn(a)
	case Stop:
		w.stop(a, true)
	case StopAll:
		if w.c.Strategy != SimpleOneForOne || !w.ending {
			w.fail("all are stopped at once")
		}
		for _, s := range a.Children {
			w.stop(s, false)
		}
	case SpawnSuccessor, HandOver, Commit, TakeOver, Abandon:
		w.replacing(a)
	case PostRetry:
		w.due = append(w.due, due{a.ID, w.now})
	case BackingOff:
		w.seen.Backoffs++
		if a.Until <= w.now {
			w.fail("a delay of %v", a.Until-w.now)
		}
		w.kids[a.ID].notBefore = a.Until
		w.subject = a.ID // its neighbours are stopped now
		w.due = append(w.due, due{a.ID, a.Until})
	case Restarting:
		w.restarting(a.ID)
	case Answer:
		if !w.calls[a.Call] {
			w.fail("a second answer to call %d, or one to none", a.Call)
		}
		if w.byHand[a.Call] != 0 && errors.Is(a.Err, ErrTerminated) && !w.ending {
			w.fail("call %d is told that %d was terminated, and nobody has done that", a.Call, a.ID)
		}
		delete(w.calls, a.Call)
		delete(w.byHand, a.Call)
	case Gone:
		if w.kids[a.ID].alive || w.kids[a.ID].heir.incarnation != 0 {
			w.fail("%d is gone and alive", a.ID)
		}
	case Removed:
		w.removed(a.ID)
	case Up:
		w.up = true
	case InitFailed:
		w.seen.InitFailed++
		w.ending = true
	case Exceeded:
		w.seen.Exceeded++
		if w.ending || w.windowed() < w.c.Intensity {
			w.fail("gave up after %d restarts of %d", w.windowed(), w.c.Intensity)
		}
		w.ending = true
	case SignificantEnded:
		w.seen.Auto++
		w.significant(a.ID)
		w.ending = true
	case Ended:
		w.ended = true
	}
	if w.ended && len(w.living())+len(w.heirs()) > 0 {
		w.fail("%s, and %d are alive", text(a), len(w.living())+len(w.heirs()))
	}
}

// spawn checks that a start is allowed, and comes alone.
func (w *world) spawn(a Spawn) {
	w.seen.Spawns++
	k := w.kids[a.ID]
	switch {
	case k == nil || k.alive || k.heir.incarnation != 0:
		w.fail("two incarnations of %d", a.ID)
		return
	case w.ending:
		w.fail("a start while ending")
	case k.undone:
		w.fail("%d was undone, and is started", a.ID)
	case a.Incarnation != k.issued+1:
		w.fail("incarnation %d after %d", a.Incarnation, k.issued)
	case k.spec.Restart == Temporary && k.wasReady:
		w.fail("temporary %d is started again", a.ID)
	}
	alone := w.c.Strategy == OneForOne || w.c.Strategy == SimpleOneForOne
	if alone && k.wasReady && !k.terminated && k.spec.Restart == Transient && k.last.InOrder() && w.subject == a.ID {
		w.fail("transient %d is started again after %v", a.ID, k.last)
	}
	if alone && k.terminated {
		w.fail("%d was terminated, and is started", a.ID)
	}
	if alone && w.now < k.notBefore && !k.terminated && w.subject == a.ID {
		w.fail("%d is started before its delay is over", a.ID)
	}
	for _, id := range w.living() {
		if o := w.kids[id]; o.stopping || !o.ready {
			w.fail("%d is started while %d is being stopped or started", a.ID, id)
		}
	}
	if k.incarnation == 0 {
		w.order = append(w.order, a.ID)
	}
	k.issued = a.Incarnation
	k.incarnation, k.alive, k.ready, k.terminated, k.notBefore = a.Incarnation, true, false, false, 0
}

// stop checks that a stop comes in its turn: no other child is being stopped,
// and when everything ends, none that was started later is alive. A stop that
// nobody asked for belongs to the group that is restarted.
func (w *world) stop(a Stop, alone bool) {
	k := w.kids[a.ID]
	if k == nil || !k.alive || k.incarnation != a.Incarnation || k.stopping {
		w.fail("stop of %d.%d, which is not running", a.ID, a.Incarnation)
		return
	}
	for _, id := range w.living() {
		if w.kids[id].stopping && alone {
			w.fail("%d is stopped while %d is", a.ID, id)
		}
		if w.ending && alone && w.place(id) > w.place(a.ID) {
			w.fail("%d is stopped before %d, which was started later", a.ID, id)
		}
	}
	if !w.ending && !k.terminated {
		w.seen.GroupStops++
		switch w.c.Strategy {
		case OneForOne, SimpleOneForOne:
			w.fail("%d is stopped, and nobody asked", a.ID)
		case RestForOne:
			if w.place(a.ID) < w.place(w.subject) {
				w.fail("%d is stopped because of %d, which was started later", a.ID, w.subject)
			}
		}
	}
	k.stopping = true
}

func (w *world) place(id uint32) int {
	for i, x := range w.order {
		if x == id {
			return i
		}
	}
	return -1
}

// restarting checks a restart that was allowed against the window.
func (w *world) restarting(id uint32) {
	if k := w.kids[id]; k.alive || k.heir.incarnation != 0 {
		w.fail("%d is restarted while a process of it lives", id)
	}
	w.subject = id
	w.counted = append(w.counted, w.now)
	if n := w.windowed(); n > w.c.Intensity {
		w.fail("%d restarts in %v where %d are allowed", n, w.c.Period, w.c.Intensity)
	}
}

func (w *world) windowed() (n int) {
	for _, at := range w.counted {
		if at >= w.now-w.c.Period {
			n++
		}
	}
	return n
}

func (w *world) removed(id uint32) {
	if w.kids[id] == nil {
		w.fail("%d is removed twice", id)
		return
	}
	delete(w.kids, id)
	for i, x := range w.order {
		if x == id {
			w.order = append(w.order[:i:i], w.order[i+1:]...)
			return
		}
	}
}

// significant checks that the supervisor may end because of that child.
func (w *world) significant(id uint32) {
	switch w.c.AutoShutdown {
	case Never:
		w.fail("it ends by itself")
	case AllSignificant:
		for _, x := range w.living() {
			if w.kids[x].spec.Significant && x != id {
				w.fail("it ends by itself while significant %d is alive", x)
			}
		}
	}
}
