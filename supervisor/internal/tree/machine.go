package tree

import "time"

// Machine applies the rules for one supervisor. Like OTP's supervisor it does one thing
// at a time: it stops what has to be stopped, one child after another, then starts what
// has to be started, one after another, and then looks at what came in the meantime, in
// order. Only for stopping a child, or everything, it does not wait until a start has
// finished.
type Machine struct {
	config Config
	window *Window
	byID   map[uint32]*child
	byName map[string]*child
	order  list

	work     []item   // waiting for its turn, the oldest first
	stops    []*child // to be stopped, in that order
	stopping *child   // the child that is being stopped
	starts   []*child // to be started, in that order
	starting *child   // the child that is being started
	plan     plan     // what starts is for
	alive    int      // children of which a process may exist

	initial bool // Init is not finished
	ending  bool
	ended   bool

	now time.Duration
	out []Action
}

// plan is the purpose of a list of starts. It decides what a failure means.
type plan uint8

const (
	planInit    plan = iota // Init: all or none
	planCommand             // Add or RestartChild: a caller waits
	planRestart             // by the rules
)

// item is an event that waits for its turn.
type item struct {
	kind itemKind
	c    *child
}

type itemKind uint8

const (
	itemDeath itemKind = iota
	itemAdd
	itemRestartChild
	itemRetry
)

// New returns a machine without children.
func New(c Config) *Machine {
	return &Machine{config: c, window: NewWindow(c.Intensity, c.Period), byID: map[uint32]*child{}, byName: map[string]*child{}}
}

// Handle takes an input at now, a time on any monotonic clock, and returns the actions
// to carry out, in order.
func (m *Machine) Handle(now time.Duration, in Input) []Action {
	m.now, m.out = now, nil
	switch in := in.(type) {
	case Init:
		m.init(in)
	case Add:
		m.add(in)
	case Ready:
		m.ready(in)
	case Exited:
		m.exited(in.ID, in.Incarnation, in.Reason)
	case Ignored:
		m.ignored(in)
	case Retry:
		m.retry(in.ID)
	case Terminate:
		m.terminate(in)
	case RestartChild:
		m.restartChild(in)
	case Delete:
		m.delete(in)
	case Replace:
		m.replace(in)
	case HandedOver:
		m.handedOver(in)
	case GiveUp:
		m.giveUp(in)
	case Shutdown:
		m.end(nil)
	}
	m.advance()
	return m.out
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

func (m *Machine) answer(call uint64, id uint32, err error) {
	if call != 0 {
		m.do(Answer{call, id, err})
	}
}

// report makes one of OTP's reports about a child.
func (m *Machine) report(k ReportKind, c *child) { m.do(Report{k, c.id}) }

// Ending says whether the supervisor ends.
func (m *Machine) Ending() bool { return m.ending }

// simple says whether this is a simple_one_for_one supervisor.
func (m *Machine) simple() bool { return m.config.Strategy == SimpleOneForOne }

// advance does what can be done now: at most one child is being stopped, and
// at most one is being started.
func (m *Machine) advance() {
	for !m.ended {
		switch {
		case m.stopping != nil:
			return
		case len(m.stops) > 0:
			m.stopNext()
		case m.ending:
			if m.alive > 0 {
				return // children of a simple_one_for_one are stopping all at once
			}
			m.ended = true
			m.do(Ended{})
		case m.starting != nil:
			return
		case len(m.starts) > 0:
			m.startNext()
		case m.initial:
			m.initial = false
			m.do(Up{})
		case len(m.work) > 0:
			i := m.work[0]
			m.work = m.work[1:]
			m.look(i)
		default:
			return
		}
	}
}

// look handles an item whose turn has come.
func (m *Machine) look(i item) {
	switch c := i.c; i.kind {
	case itemDeath:
		if c.unseen {
			c.unseen = false
			m.died(c)
		}
	case itemAdd:
		if m.byID[c.id] == c { // not terminated while it waited
			m.admit(c)
		}
	case itemRestartChild:
		m.startAgain(c)
	case itemRetry:
		if c.retrying && c.state == Pending {
			c.retrying = false
			m.attempt(c)
		}
	}
}

func (m *Machine) startNext() {
	c := m.starts[0]
	m.starts = m.starts[1:]
	if !c.planned {
		return // it was terminated meanwhile
	}
	c.planned = false
	m.starting = c
	c.state, c.current, c.gone = Starting, true, false
	c.issued++
	c.incarnation = c.issued
	m.alive++
	m.do(Spawn{c.id, c.incarnation})
}

func (m *Machine) ready(in Ready) {
	c := m.byID[in.ID]
	if c != nil && c.successor.incarnation == in.Incarnation {
		m.successorReady(c)
		return
	}
	if c == nil || c.state != Starting || c.incarnation != in.Incarnation {
		return // already stopping, or from a dead incarnation
	}
	m.starting = nil
	c.state, c.readyAt = Running, m.now
	m.started(c, nil)
}

// started answers the command that waits for c's start.
func (m *Machine) started(c *child, err error) {
	m.answer(c.call, c.id, err)
	c.fresh, c.call = false, 0
}

func (m *Machine) exited(id, incarnation uint32, reason Reason) {
	c := m.byID[id]
	switch {
	case c == nil:
	case c.successor.incarnation == incarnation:
		m.successorExited(c, reason)
	case !c.current || c.incarnation != incarnation:
	default:
		c.current, c.reason = false, reason
		if c.successor.phase == committed {
			m.takeOver(c)
			return
		}
		m.abandon(c, ErrNotRunning)
		if c.successor.incarnation != 0 { // its successor must be reaped first
			if c.state == Running {
				c.state = Pending
			}
			return
		}
		m.reaped(c)
	}
}

// reaped handles a child of which no process is left.
func (m *Machine) reaped(c *child) {
	m.alive--
	switch c.state {
	case Stopping:
		if m.stopping == c {
			m.stopping = nil
		}
		if !StoppedWell(c.spec, c.reason) {
			m.report(ShutdownError, c)
		}
		m.stopped(c)
	case Starting:
		m.starting = nil
		if m.ending {
			return // its turn to be stopped will come
		}
		m.startFailed(c)
	default:
		c.state, c.unseen = Pending, true
		m.work = append(m.work, item{kind: itemDeath, c: c})
	}
}

// ignored handles a child that is not wanted: it counts as started, but does not run.
func (m *Machine) ignored(in Ignored) {
	c := m.byID[in.ID]
	if c != nil && c.successor.incarnation == in.Incarnation {
		m.successorExited(c, Normal)
		return
	}
	if c == nil || !c.current || c.incarnation != in.Incarnation {
		return
	}
	if c.state != Starting {
		m.exited(in.ID, in.Incarnation, ByRequest)
		return
	}
	c.current, c.reason = false, Normal
	m.alive--
	m.starting = nil
	m.started(c, ErrIgnored)
	m.settle(c)
}

// settle handles a child that will not be restarted. As in OTP's del_child, a temporary
// child and a child of a simple_one_for_one are also forgotten, and so is one whose start
// is undone.
func (m *Machine) settle(c *child) {
	c.state, c.toStop = Stopped, false
	m.cancel(c)
	m.answer(c.call, c.id, ErrTerminated)
	c.call = 0
	if !c.gone {
		c.gone = true
		m.do(Gone{c.id, m.ending})
	}
	if m.ending || m.simple() || c.spec.Restart == Temporary || c.forget {
		m.remove(c)
	}
	for _, call := range c.enders { // who hears that it has ended may count on the rest
		m.answer(call, c.id, nil)
	}
	c.enders = nil
}

func (m *Machine) remove(c *child) {
	m.order.remove(c)
	delete(m.byID, c.id)
	if m.byName[c.spec.Name] == c {
		delete(m.byName, c.spec.Name)
	}
	m.do(Removed{c.id})
}
