package tree

import "time"

// died handles the death of a child that was running. OTP's do_restart.
func (m *Machine) died(c *child) {
	if !ShouldRestart(c.spec.Restart, c.reason) {
		m.diedForGood(c)
		return
	}
	m.report(ChildTerminated, c)
	b := c.spec.Backoff.withDefaults()
	if m.now-c.readyAt >= b.ResetAfter {
		c.failed = 0
	}
	c.failed++
	var pace time.Duration
	if m.now-c.readyAt < Settled {
		pace = m.pace()
	}
	if c.spec.Backoff.Min == 0 && pace == 0 {
		m.attempt(c)
		return
	}
	m.delayGroup(c)
	m.backOff(c, pace)
}

// diedForGood handles the death of a child that is not restarted, because of its restart
// type or because a Terminate has come since.
func (m *Machine) diedForGood(c *child) {
	again := ShouldRestart(c.spec.Restart, c.reason)
	if again || !c.reason.InOrder() {
		m.report(ChildTerminated, c)
	}
	m.settle(c)
	if !again {
		m.autoShutdown(c)
	}
}

// delayGroup stops the group of c before c's delay, not after it. None of the group is
// started before c, even if its own delay is shorter.
func (m *Machine) delayGroup(c *child) {
	m.stopGroup(c)
	c.follow = m.after(c)
	for _, x := range c.follow {
		if x.retrying {
			x.retrying, x.follow, x.state = false, nil, Waiting
		}
	}
}

// autoShutdown ends the supervisor if the end of c requires that.
func (m *Machine) autoShutdown(c *child) {
	if !c.spec.Significant || m.config.AutoShutdown == Never || m.ending {
		return
	}
	if m.config.AutoShutdown == AllSignificant {
		for x := m.order.head; x != nil; x = x.next {
			if x.spec.Significant && x.state != Stopped {
				return
			}
		}
	}
	m.do(SignificantEnded{c.id})
	m.end(nil)
}

// attempt counts an attempt to restart c and, if it is allowed, makes it. OTP's restart.
func (m *Machine) attempt(c *child) {
	if !m.window.Add(m.now) {
		m.do(Exceeded{c.id})
		m.end(c)
		return
	}
	m.do(Restarting{c.id})
	m.stopGroup(c)
	m.plan = planRestart
	m.toStart(c)
	for _, x := range m.after(c) {
		m.toStart(x)
	}
	if m.config.Strategy == OneForAll { // in the order of their first starts
		m.starts = m.starts[:0]
		for x := m.order.head; x != nil; x = x.next {
			if x.planned {
				m.starts = append(m.starts, x)
			}
		}
	}
}

// toStart plans the start of c, and cancels whatever else was planned for it.
func (m *Machine) toStart(c *child) {
	if !c.alive() {
		c.state = Waiting
	}
	c.planned, c.retrying, c.byHand, c.follow = true, false, false, nil
	m.starts = append(m.starts, c)
}

// group calls f for the other children that the strategy restarts with c, the last one
// first.
func (m *Machine) group(c *child, f func(x *child)) {
	if m.config.Strategy == OneForOne || m.simple() {
		return
	}
	for x := m.order.tail; x != nil; {
		before := x.prev
		if x == c && m.config.Strategy == RestForOne {
			return
		}
		if x != c {
			f(x)
		}
		x = before
	}
}

// stopGroup stops the children that are restarted with c, in reverse order.
func (m *Machine) stopGroup(c *child) {
	m.group(c, func(x *child) {
		if x.alive() || x.unseen {
			x.regroup = true
			m.stop(x)
		}
	})
}

// after returns the other children that are started with c, in start order. As in OTP,
// those that were stopped before are among them; temporary ones are not.
func (m *Machine) after(c *child) (xs []*child) {
	m.group(c, func(x *child) {
		if x.spec.Restart != Temporary {
			xs = append(xs, x)
		}
	})
	for i, j := 0, len(xs)-1; i < j; i, j = i+1, j-1 {
		xs[i], xs[j] = xs[j], xs[i]
	}
	return xs
}

// startFailed handles a child that ended before it was ready.
func (m *Machine) startFailed(c *child) {
	m.report(StartError, c)
	switch m.plan {
	case planInit:
		m.do(InitFailed{c.id})
		m.started(c, ErrStart)
		m.end(c)
	case planCommand:
		forget := c.fresh
		m.started(c, ErrStart)
		m.settle(c)
		if forget && m.byID[c.id] == c {
			m.remove(c)
		}
	case planRestart:
		if c.reason == Final { // it says that a further attempt makes no sense
			m.started(c, ErrStart) // for a RestartChild that its group's restart has overtaken
			m.settle(c)
			m.autoShutdown(c)
			return
		}
		// The children after it wait for its next attempt. OTP's try_again.
		for _, x := range m.starts {
			if x.planned {
				x.planned, x.state = false, Waiting
				c.follow = append(c.follow, x)
			}
		}
		m.starts = nil
		c.failed++
		if c.spec.Backoff.Min != 0 {
			m.delayGroup(c)
		}
		m.backOff(c, m.pace())
	}
}

// backOff plans the next attempt to restart c: after its delay and not before its turn,
// in pace, or, if it has neither, after the inputs that are already waiting.
func (m *Machine) backOff(c *child, pace time.Duration) {
	c.retrying = true
	random := 0.5
	if m.config.Random != nil {
		random = m.config.Random()
	}
	if d := max(c.spec.Backoff.Delay(c.failed, random), pace); d > 0 {
		c.state, c.until = Delayed, m.now+d
		m.do(BackingOff{c.id, c.until})
		return
	}
	c.state = Pending
	m.do(PostRetry{c.id})
}

// retry makes the next attempt when its turn has come.
func (m *Machine) retry(id uint32) {
	c := m.byID[id]
	if c == nil || !c.retrying || m.ending || c.state == Delayed && m.now < c.until {
		return // it was cancelled
	}
	c.state = Pending
	m.work = append(m.work, item{kind: itemRetry, c: c})
}

// cancel cancels what is planned for c, and for the children that wait for it: they stay
// stopped, as in OTP.
func (m *Machine) cancel(c *child) {
	follow := c.follow
	c.planned, c.regroup, c.retrying, c.byHand, c.unseen, c.follow = false, false, false, false, false, nil
	for _, x := range follow {
		x.regroup = false
		if x.state == Waiting && !x.planned && !x.byHand {
			m.settle(x)
		}
	}
}
