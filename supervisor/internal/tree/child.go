package tree

import (
	"errors"
	"fmt"
	"time"
)

// ChildState is the state of a child.
type ChildState uint8

// The states of a child.
const (
	Waiting  ChildState = iota // its turn to be started has not come
	Starting                   // its process runs but is not ready
	Running                    // ready
	Pending                    // dead, to be restarted
	Delayed                    // dead, to be restarted at a certain time
	Stopping                   // asked to end
	Stopped                    // not running, and not to be started by the rules
)

func (s ChildState) String() string {
	return name(uint8(s), "waiting", "starting", "running", "restarting", "backoff", "stopping", "stopped")
}

// ChildSpec is what the rules know of a child.
type ChildSpec struct {
	Name        string // unique in its supervisor, unless that is a simple_one_for_one
	Restart     Restart
	Significant bool // its end may end the supervisor; see AutoShutdown
	Supervisor  bool
	BrutalKill  bool // it is not asked to end
	Backoff     Backoff
}

// Validate lists every problem of s.
func (s ChildSpec) Validate() error {
	var errs []error
	if s.Restart > Temporary {
		errs = append(errs, fmt.Errorf("Restart %d: it must be Permanent, Transient or Temporary", s.Restart))
	}
	if s.Significant && s.Restart == Permanent {
		errs = append(errs, errors.New("Significant: a permanent child cannot be significant, because it is always restarted: make it Transient or Temporary"))
	}
	return errors.Join(append(errs, s.Backoff.Validate())...)
}

// Suits lists the conflicts of s with the flags c of its supervisor.
func (s ChildSpec) Suits(c Config) error {
	var errs []error
	if s.Significant && c.AutoShutdown == Never {
		errs = append(errs, errors.New("Significant: the supervisor's AutoShutdown is Never: set it to AnySignificant or AllSignificant"))
	}
	return errors.Join(append(errs, s.Backoff.suits(c))...)
}

// child is one child of a Machine.
type child struct {
	id          uint32
	incarnation uint32 // the current or last one
	issued      uint32 // the highest incarnation number used
	spec        ChildSpec
	successor   successor
	prev, next  *child // in Machine.order

	state    ChildState
	listed   bool   // in Machine.order
	current  bool   // its own process may exist
	unseen   bool   // it has died by itself, and its death is in Machine.work
	reason   Reason // of the last end
	planned  bool   // in Machine.starts
	toStop   bool   // in Machine.stops
	regroup  bool   // stopped because of a sibling's death, to be restarted
	gone     bool   // Gone was reported
	retrying bool   // a Retry will come
	byHand   bool   // a RestartChild of it is in Machine.work
	fresh    bool   // its first start, by Add: if that fails, the child is forgotten
	forget   bool   // it is forgotten when it has ended

	call    uint64   // the command that waits for its start
	enders  []uint64 // the commands that wait for its end
	follow  []*child // to be started after it, if its retry succeeds
	failed  int      // ends and failed starts in a row, for its backoff
	readyAt time.Duration
	until   time.Duration // while backing off
}

// alive says whether a process of c may exist: its own, or a successor's.
func (c *child) alive() bool { return c.current || c.successor.incarnation != 0 }

// list holds the children in the order of their starts. It is linked, so that a hundred
// thousand of them can come and go in linear time.
type list struct {
	head, tail *child
	n          int
}

func (l *list) add(c *child) {
	c.listed, c.prev = true, l.tail
	if l.tail != nil {
		l.tail.next = c
	} else {
		l.head = c
	}
	l.tail = c
	l.n++
}

func (l *list) remove(c *child) {
	if !c.listed {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.tail = c.prev
	}
	c.prev, c.next, c.listed = nil, nil, false
	l.n--
}
