package tree

import (
	"errors"
	"time"
)

// newChild makes a child that waits for its turn.
func (m *Machine) newChild(in Add) *child {
	c := &child{id: in.ID, spec: in.Spec, incarnation: in.Last, issued: in.Last, fresh: true, call: in.Call}
	m.byID[c.id] = c
	return c
}

// refuse fails the start of a child that is not even admitted.
func (m *Machine) refuse(c *child, err error) {
	m.started(c, err)
	m.settle(c)
	if m.byID[c.id] == c {
		m.remove(c)
	}
}

func (m *Machine) init(in Init) {
	m.initial, m.plan = true, planInit
	for _, a := range in.Children {
		c := m.newChild(a)
		c.fresh = false // it is in the supervisor's Spec, whatever becomes of its first start
		m.order.add(c)
		m.byName[c.spec.Name] = c
		m.toStart(c)
	}
}

func (m *Machine) add(in Add) {
	c := m.newChild(in)
	if m.ending {
		m.refuse(c, ErrShuttingDown)
		return
	}
	m.work = append(m.work, item{kind: itemAdd, c: c})
}

// admit adds a child and starts it. OTP's start_child.
func (m *Machine) admit(c *child) {
	if x := m.byName[c.spec.Name]; x != nil && !m.simple() {
		m.refuse(c, &PresentError{ID: x.id, Started: x.state != Stopped})
		return
	}
	if err := errors.Join(c.spec.Validate(), c.spec.Suits(m.config)); err != nil {
		m.refuse(c, err)
		return
	}
	if !m.simple() {
		m.byName[c.spec.Name] = c
	}
	m.order.add(c)
	m.plan = planCommand
	m.toStart(c)
}

func (m *Machine) terminate(in Terminate) {
	c := m.byID[in.ID]
	switch {
	case c == nil && m.simple(): // it has ended
		m.answer(in.Call, in.ID, nil)
		return
	case c == nil:
		m.answer(in.Call, in.ID, ErrNotFound)
		return
	case in.Call != 0:
		c.enders = append(c.enders, in.Call)
	}
	c.forget = c.forget || in.Forget
	switch {
	case c.alive():
		m.cancel(c)
		m.stop(c)
	case c.fresh: // it waits for its first turn
		m.refuse(c, ErrTerminated)
	case c.unseen && c.toStop: // its group's stop would have come first
		m.countAsStop(c)
		m.settle(c)
	case c.unseen && !m.initial: // its death, not handled yet, came before the command
		m.diedForGood(c)
	default: // between two incarnations, or stopped
		m.settle(c)
	}
}

// restartable returns an error if c cannot be restarted or deleted by a command.
func (m *Machine) restartable(c *child) error {
	switch {
	case m.ending:
		return ErrShuttingDown
	case m.simple():
		return ErrSimple
	case c == nil:
		return ErrNotFound
	case c.state == Stopped:
		return nil
	case c.state == Starting || c.state == Running || c.state == Stopping:
		return ErrRunning
	}
	return ErrRestarting
}

func (m *Machine) restartChild(in RestartChild) {
	c := m.byID[in.ID]
	if err := m.restartable(c); err != nil {
		m.answer(in.Call, in.ID, err)
		return
	}
	c.state, c.byHand, c.call = Waiting, true, in.Call
	m.work = append(m.work, item{kind: itemRestartChild, c: c})
}

// startAgain carries out a RestartChild whose turn has come.
func (m *Machine) startAgain(c *child) {
	if !c.byHand {
		return // it was terminated meanwhile, or started with its group
	}
	c.failed = 0
	m.plan = planCommand
	m.toStart(c)
}

func (m *Machine) delete(in Delete) {
	c := m.byID[in.ID]
	if err := m.restartable(c); err != nil {
		m.answer(in.Call, in.ID, err)
		return
	}
	m.remove(c)
	m.answer(in.Call, in.ID, nil)
}

// Info is what a Machine knows of a child.
type Info struct {
	ID          uint32
	State       ChildState
	Incarnation uint32
	Until       time.Duration // with Delayed: when the next attempt is
}

func (c *child) info() Info {
	i := Info{ID: c.id, State: c.state, Incarnation: c.incarnation}
	if c.state == Delayed {
		i.Until = c.until
	}
	return i
}

// Child returns what is known of a child.
func (m *Machine) Child(id uint32) (Info, bool) {
	if c := m.byID[id]; c != nil {
		return c.info(), true
	}
	return Info{}, false
}

// Children returns the children in start order. OTP's which_children has the newest
// first.
func (m *Machine) Children() []Info {
	list := make([]Info, 0, m.order.n)
	for c := m.order.head; c != nil; c = c.next {
		list = append(list, c.info())
	}
	return list
}

// Counts is OTP's count_children.
type Counts struct {
	Specs       int // child specs; a simple_one_for_one has one
	Active      int // children whose process runs
	Supervisors int // children that are supervisors, running or not
	Workers     int // the others
}

// Count counts the children.
func (m *Machine) Count() (n Counts) {
	for c := m.order.head; c != nil; c = c.next {
		n.Specs++
		if c.alive() {
			n.Active++
		}
		if c.spec.Supervisor {
			n.Supervisors++
		} else {
			n.Workers++
		}
	}
	if m.simple() {
		n.Specs = 1
	}
	return n
}
