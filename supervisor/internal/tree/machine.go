package tree

import (
	"slices"
	"time"
)

// ChildState is where a child stands.
type ChildState uint8

// The states of a child.
const (
	Waiting     ChildState = iota // added, its turn to be started has not come
	Starting                      // its process runs, it is not ready
	Running                       // ready
	Restarting_                   // to be started again
	Stopping                      // asked to end
	Stopped                       // not running, and not to be started by the rules
)

func (s ChildState) String() string {
	return name(uint8(s), "waiting", "starting", "running", "restarting", "stopping", "stopped")
}

// Config is a supervisor's flags.
type Config struct {
	Strategy  Strategy
	Intensity int
	Period    time.Duration
}

// child is one child of a Machine.
type child struct {
	id          uint32
	restart     Restart
	state       ChildState
	incarnation uint32
	alive       bool // a process of it may exist
	fresh       bool // a caller waits for its start
	group       bool // it is stopping because of a sibling's death, and will be started again
}

// Machine is one supervisor's rules. It does one thing at a time: it stops
// what is to be stopped, one child after another, then looks at the deaths
// that came meanwhile, then starts what is to be started.
type Machine struct {
	strategy Strategy
	window   *Window
	children []*child // in start order

	stops  []*child // to be stopped, in that order
	deaths []death  // not looked at yet
	starts []*child // to be started, in that order
	retry  *child   // whose start failed: nothing is started before its Retry
	ending bool
	ended  bool

	now time.Duration
	out []Action
}

type death struct {
	c      *child
	reason Reason
}

// New returns a machine without children.
func New(c Config) *Machine {
	return &Machine{strategy: c.Strategy, window: NewWindow(c.Intensity, c.Period)}
}

// Handle takes what has happened at now, a time on any monotonic clock, and
// says what is to be done, in order.
func (m *Machine) Handle(now time.Duration, in Input) []Action {
	m.now, m.out = now, nil
	switch in := in.(type) {
	case Add:
		m.add(in)
	case Ready:
		m.ready(in)
	case Exited:
		m.exited(in)
	case Retry:
		if m.retry != nil && m.retry.id == in.ID {
			m.retry = nil
			m.again(m.find(in.ID))
		}
	case Terminate:
		m.terminate(in.ID)
	case RestartChild:
		m.restartChild(in.ID)
	case Delete:
		m.delete(in.ID)
	case Shutdown:
		m.end()
	}
	m.advance()
	return m.out
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

func (m *Machine) find(id uint32) *child {
	for _, c := range m.children {
		if c.id == id {
			return c
		}
	}
	return nil
}

// State says where a child stands.
func (m *Machine) State(id uint32) (ChildState, bool) {
	if c := m.find(id); c != nil {
		return c.state, true
	}
	return 0, false
}

// Children is the children in start order.
func (m *Machine) Children() (ids []uint32) {
	for _, c := range m.children {
		ids = append(ids, c.id)
	}
	return ids
}

func (m *Machine) add(in Add) {
	if m.ending {
		m.do(Refused{in.ID, ErrShuttingDown})
		m.do(Gone{in.ID})
		m.do(Removed{in.ID})
		return
	}
	c := &child{id: in.ID, restart: in.Restart, fresh: true}
	m.children = append(m.children, c)
	m.starts = append(m.starts, c)
}

func (m *Machine) ready(in Ready) {
	c := m.find(in.ID)
	if c == nil || c.state != Starting || c.incarnation != in.Incarnation {
		return // stopping already, or a dead one's last word
	}
	c.state = Running
	m.started(c)
	if c.fresh {
		c.fresh = false
		m.do(Started{c.id})
	}
}

// started takes c, the child that was being started, off the list.
func (m *Machine) started(c *child) {
	m.starts = slices.DeleteFunc(m.starts, func(x *child) bool { return x == c })
}

func (m *Machine) exited(in Exited) {
	c := m.find(in.ID)
	if c == nil || !c.alive || c.incarnation != in.Incarnation {
		return
	}
	c.alive = false
	switch c.state {
	case Stopping:
		m.stops = slices.DeleteFunc(m.stops, func(x *child) bool { return x == c })
		m.stopped(c)
	case Starting:
		if in.Reason == Final && !c.fresh {
			m.forget(c) // it says that no further attempt makes sense
			m.gone(c)
			return
		}
		m.startFailed(c)
	default:
		c.state = Restarting_
		m.deaths = append(m.deaths, death{c, in.Reason})
	}
}

// stopped deals with a child that has ended because it was asked to.
func (m *Machine) stopped(c *child) {
	if c.group && !m.ending && c.restart != Temporary {
		c.group, c.state = false, Restarting_
		return
	}
	m.gone(c)
}

// gone deals with a child that will not be started again by the rules.
func (m *Machine) gone(c *child) {
	c.state, c.group = Stopped, false
	if c.fresh {
		c.fresh = false
		m.do(StartFailed{c.id})
		m.do(Gone{c.id})
		m.remove(c)
		return
	}
	m.do(Gone{c.id})
	if c.restart == Temporary || m.ending {
		m.remove(c)
	}
}

func (m *Machine) remove(c *child) {
	m.children = slices.DeleteFunc(m.children, func(x *child) bool { return x == c })
	m.started(c)
	m.do(Removed{c.id})
}

// startFailed deals with a child that ended before it was ready. At its first
// start it is forgotten; during a restart the attempt counts, and the next one
// has to wait for what else there is to do.
func (m *Machine) startFailed(c *child) {
	if c.fresh {
		m.started(c)
		m.gone(c)
		return
	}
	c.state = Restarting_
	if !m.window.Add(m.now) {
		m.exceeded(c)
		return
	}
	m.retry = c
	m.do(PostRetry{c.id})
}

// again makes the next attempt to restart c.
func (m *Machine) again(c *child) {
	if c == nil || m.ending || c.state != Restarting_ {
		return
	}
	if m.strategy == OneForAll {
		m.restart(c) // those that were restarted already are stopped again
	}
}

// died deals with the death of a child that was running.
func (m *Machine) died(d death) {
	c := d.c
	if !ShouldRestart(c.restart, d.reason) {
		m.gone(c)
		return
	}
	if !m.window.Add(m.now) {
		m.exceeded(c)
		return
	}
	m.do(Restarting{c.id})
	m.restart(c)
}

// restart plans the restart of c, and of those that the strategy restarts with
// it: they are stopped in reverse order, then all are started in order.
func (m *Machine) restart(c *child) {
	with := m.group(c)
	for _, x := range slices.Backward(with) {
		if x.alive {
			x.group = true
			m.stop(x)
		}
	}
	fresh := m.starts
	m.starts = nil
	for _, x := range with {
		if x == c || x.restart != Temporary && x.state != Stopped && !x.fresh {
			m.starts = append(m.starts, x)
		}
	}
	for _, x := range fresh { // what was to be started before, after these
		if !slices.Contains(m.starts, x) {
			m.starts = append(m.starts, x)
		}
	}
}

// group is the children that are restarted when c is, in start order. Children
// that are being added are not part of it yet.
func (m *Machine) group(c *child) []*child {
	from := 0
	switch m.strategy {
	case OneForOne:
		return []*child{c}
	case RestForOne:
		from = slices.Index(m.children, c)
	}
	return slices.DeleteFunc(slices.Clone(m.children[from:]), func(x *child) bool { return x.fresh })
}

// stop puts c on the list of those to be stopped.
func (m *Machine) stop(c *child) {
	if !slices.Contains(m.stops, c) {
		m.stops = append(m.stops, c)
	}
}

func (m *Machine) exceeded(c *child) {
	m.do(Exceeded{c.id})
	m.end()
}

// end stops everything, in reverse order.
func (m *Machine) end() {
	if m.ending {
		return
	}
	m.ending, m.retry, m.starts, m.deaths = true, nil, nil, nil
	for _, c := range slices.Backward(slices.Clone(m.children)) {
		if c.alive {
			m.stop(c)
		} else {
			m.gone(c)
		}
	}
	slices.SortStableFunc(m.stops, func(a, b *child) int {
		return slices.Index(m.children, b) - slices.Index(m.children, a)
	})
}

func (m *Machine) terminate(id uint32) {
	c := m.find(id)
	switch {
	case c == nil:
		m.do(Refused{id, ErrNotFound})
	case c.alive:
		c.group = false
		if m.retry == c {
			m.retry = nil
		}
		m.stop(c)
	default: // waiting, between two incarnations, or stopped
		m.forget(c)
		m.gone(c)
	}
}

// forget takes back what is planned for a child that is not alive.
func (m *Machine) forget(c *child) {
	m.deaths = slices.DeleteFunc(m.deaths, func(d death) bool { return d.c == c })
	m.started(c)
	if m.retry == c {
		m.retry = nil
	}
}

func (m *Machine) restartChild(id uint32) {
	c := m.find(id)
	switch {
	case c == nil:
		m.do(Refused{id, ErrNotFound})
	case m.ending:
		m.do(Refused{id, ErrShuttingDown})
	case c.state == Restarting_ || c.state == Waiting:
		m.do(Refused{id, ErrRestarting})
	case c.state != Stopped:
		m.do(Refused{id, ErrRunning})
	default:
		c.state, c.fresh = Waiting, true
		m.starts = append(m.starts, c)
	}
}

func (m *Machine) delete(id uint32) {
	c := m.find(id)
	switch {
	case c == nil:
		m.do(Refused{id, ErrNotFound})
	case c.state == Restarting_ || c.state == Waiting:
		m.do(Refused{id, ErrRestarting})
	case c.state != Stopped:
		m.do(Refused{id, ErrRunning})
	default:
		m.remove(c)
	}
}

// advance does what can be done now: at most one child is being stopped, and
// at most one is being started.
func (m *Machine) advance() {
	for !m.ended {
		switch {
		case len(m.stops) > 0:
			if !m.stopNext() {
				return
			}
		case m.ending:
			m.ended = true
			m.do(Ended{})
		case len(m.deaths) > 0 && !m.busy():
			d := m.deaths[0]
			m.deaths = m.deaths[1:]
			m.died(d)
		case m.retry == nil && len(m.starts) > 0 && !m.busy():
			m.spawn(m.starts[0])
			return
		default:
			return
		}
	}
}

// busy says whether a child is being started.
func (m *Machine) busy() bool { return len(m.starts) > 0 && m.starts[0].state == Starting }

// stopNext asks the next child to stop, and says whether there is more to do
// now.
func (m *Machine) stopNext() bool {
	c := m.stops[0]
	if !c.alive {
		m.stops = m.stops[1:]
		m.settle(c)
		return true
	}
	if slices.ContainsFunc(m.children, func(x *child) bool { return x.alive && x.state == Stopping }) {
		return false // one at a time, whoever asked first
	}
	if c.state == Starting {
		m.started(c)
	}
	c.state = Stopping
	m.do(Stop{c.id, c.incarnation})
	return false
}

// settle deals with a child that was to be stopped and had died by itself.
func (m *Machine) settle(c *child) {
	wasDeath := slices.ContainsFunc(m.deaths, func(d death) bool { return d.c == c })
	m.deaths = slices.DeleteFunc(m.deaths, func(d death) bool { return d.c == c })
	if wasDeath || c.state == Restarting_ {
		m.stopped(c)
	}
}

func (m *Machine) spawn(c *child) {
	c.state, c.alive = Starting, true
	c.incarnation++
	m.do(Spawn{c.id, c.incarnation})
}
