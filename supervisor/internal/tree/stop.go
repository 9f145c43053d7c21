package tree

// stop puts c on the list of children to be stopped.
func (m *Machine) stop(c *child) {
	if !c.toStop && c.state != Stopping {
		c.toStop = true
		m.stops = append(m.stops, c)
	}
}

// stopNext asks the next child to stop.
func (m *Machine) stopNext() {
	c := m.stops[0]
	m.stops = m.stops[1:]
	if !c.toStop {
		return // it has died and was terminated meanwhile
	}
	c.toStop = false
	if !c.alive() {
		m.countAsStop(c)
		m.stopped(c)
		return
	}
	if m.starting == c {
		m.starting = nil
	}
	m.abandon(c, ErrNotRunning)
	c.state, m.stopping = Stopping, c
	if c.current {
		m.do(Stop{c.id, c.incarnation})
	}
}

// countAsStop handles the death of a child by itself, if that was not handled before the
// child was to be stopped: as if it had been stopped.
func (m *Machine) countAsStop(c *child) {
	if c.unseen && !StoppedWell(c.spec, c.reason) {
		m.report(ShutdownError, c)
	}
	c.unseen = false
}

// stopped handles a child that has ended because it was asked to.
func (m *Machine) stopped(c *child) {
	if c.call != 0 || c.fresh {
		m.settle(c) // a command that waits for its start gets ErrTerminated
		if c.fresh && m.byID[c.id] == c {
			m.remove(c)
		}
		return
	}
	again := c.regroup && len(c.enders) == 0 // a Terminate is answered, but the group may still start the child
	c.regroup = false
	if again && !m.ending && c.spec.Restart != Temporary {
		c.state = Waiting
		return
	}
	m.settle(c)
}

// end stops everything in reverse order. first, if not nil, is the child whose death is
// the reason.
func (m *Machine) end(first *child) {
	if m.ending {
		return
	}
	m.ending, m.initial = true, false
	for _, i := range m.work { // starts that wait for their turn
		if i.kind == itemAdd && m.byID[i.c.id] == i.c {
			m.refuse(i.c, ErrShuttingDown)
		} else if i.kind == itemRestartChild && i.c.byHand {
			m.answer(i.c.call, i.c.id, ErrShuttingDown)
			i.c.call = 0
		}
	}
	m.work, m.starts = nil, nil
	for _, c := range m.stops {
		c.toStop = false
	}
	m.stops = nil
	if first != nil {
		m.settle(first)
	}
	var all StopAll
	for c := m.order.tail; c != nil; {
		before := c.prev
		if m.simple() {
			m.endSimple(c, &all)
		} else {
			m.stop(c)
		}
		c = before
	}
	if len(all.Children) > 0 {
		m.starting = nil // they are all being stopped
		m.do(all)
	}
}

// endSimple ends a child of a simple_one_for_one: all of them stop at once.
func (m *Machine) endSimple(c *child, all *StopAll) {
	switch {
	case !c.alive():
		m.countAsStop(c)
		m.stopped(c)
	case c.state != Stopping:
		m.abandon(c, ErrNotRunning)
		c.state = Stopping
		if c.current {
			all.Children = append(all.Children, Stop{c.id, c.incarnation})
		}
	}
}
