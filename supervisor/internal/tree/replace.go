package tree

// A running child is replaced by a successor without a stop between them:
//
//	Replace      Ready             HandedOver        Exited (predecessor)
//	   │           │                   │                │
//	   ▼ preparing ▼ handing over      ▼ committed      ▼
//	SpawnSuccessor HandOver          Commit          TakeOver
//	   └───────────┴──── GiveUp, an end or a stop ──► Abandon
//
// Until Commit the predecessor is the child: its death, a Terminate or the restart of
// its group ends the replacement, and is handled once the successor is reaped. After
// TakeOver the child goes on in the other process; no restart is counted.

// phase is the phase of a replacement.
type phase uint8

const (
	preparing   phase = iota // the successor is being started
	handingOver              // the successor is ready, and gets its predecessor's state
	committed                // it takes over as soon as its predecessor has ended
	abandoned                // it is being killed
)

// successor is the process that will replace a child's current one.
type successor struct {
	incarnation uint32 // 0: there is none
	phase       phase  // the child runs until this is abandoned
	dead        bool   // committed, but died before it could take over
	reason      Reason
	call        uint64 // the command that waits for the replacement
	why         error  // why it is abandoned
}

// replaceable returns an error if c cannot be replaced now.
func (m *Machine) replaceable(c *child) error {
	switch {
	case m.ending:
		return ErrShuttingDown
	case c == nil:
		return ErrNotFound
	case c.successor.incarnation != 0:
		return ErrReplacing
	case c.state == Stopped || c.state == Stopping || c.toStop:
		return ErrNotRunning
	case c.state != Running:
		return ErrRestarting
	}
	return nil
}

func (m *Machine) replace(in Replace) {
	c := m.byID[in.ID]
	if err := m.replaceable(c); err != nil {
		m.answer(in.Call, in.ID, err)
		return
	}
	c.issued++
	c.successor = successor{incarnation: c.issued, call: in.Call}
	m.do(SpawnSuccessor{c.id, c.issued})
}

// successorReady makes the predecessor hand over.
func (m *Machine) successorReady(c *child) {
	if c.successor.phase == preparing {
		c.successor.phase = handingOver
		m.do(HandOver{c.id, c.incarnation, c.successor.incarnation})
	}
}

// handedOver is the point of no return: from here on the successor will be the child.
func (m *Machine) handedOver(in HandedOver) {
	c := m.byID[in.ID]
	if c != nil && c.successor.incarnation == in.Incarnation && c.successor.phase == handingOver {
		c.successor.phase = committed
		m.do(Commit{c.id, c.incarnation})
	}
}

func (m *Machine) giveUp(in GiveUp) {
	if c := m.byID[in.ID]; c != nil && c.successor.incarnation == in.Incarnation && c.successor.phase < committed {
		m.abandon(c, in.Err)
	}
}

// abandon ends the replacement of c, if there is one. The waiting command is answered
// when the successor has been reaped.
func (m *Machine) abandon(c *child, why error) {
	if c.successor.incarnation == 0 || c.successor.phase == abandoned {
		return
	}
	m.do(Abandon{c.id, c.successor.incarnation})
	c.successor.phase, c.successor.why = abandoned, why
	if c.successor.dead {
		m.replaced(c, why)
	}
}

// replaced ends a replacement.
func (m *Machine) replaced(c *child, err error) {
	call := c.successor.call
	c.successor = successor{}
	m.answer(call, c.id, err)
}

// successorExited handles the end of a successor that has not taken over.
func (m *Machine) successorExited(c *child, reason Reason) {
	if c.successor.phase == committed {
		c.successor.dead, c.successor.reason = true, reason // handled when it takes over
		return
	}
	why := c.successor.why
	if why == nil {
		why = ErrSuccessor
	}
	m.replaced(c, why)
	if !c.current {
		m.reaped(c)
	}
}

// takeOver makes the successor the child's process: the other one has ended.
func (m *Machine) takeOver(c *child) {
	n := c.successor
	c.incarnation, c.readyAt, c.current = n.incarnation, m.now, true
	m.do(TakeOver{c.id, n.incarnation})
	if n.dead {
		m.replaced(c, ErrSuccessor)
		m.exited(c.id, n.incarnation, n.reason)
		return
	}
	m.replaced(c, nil)
}
