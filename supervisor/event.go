package supervisor

import (
	"fmt"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/transport/wire"
)

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventStarting   EventKind = "starting"   // a process was started for the child
	EventReady      EventKind = "ready"      // its Setup has returned
	EventExited     EventKind = "exited"     // it has ended and was reaped
	EventRestarting EventKind = "restarting" // it will be started again
	EventStopping   EventKind = "stopping"   // it was asked to end
	EventKilled     EventKind = "killed"     // it was killed by the supervisor
	EventSuspended  EventKind = "suspended"  // its process was stopped by a signal, SIGSTOP for one
	EventContinued  EventKind = "continued"  // its process was continued
	EventOverrun    EventKind = "overrun"    // it takes more of the root than a bound allows, and is killed: Text says which
	EventHung       EventKind = "hung"       // its watchdog has fired: it writes its goroutines and is killed
	EventGone       EventKind = "gone"       // it will not be started again
	EventIntensity  EventKind = "intensity"  // too many restarts: the supervisor ends
	EventEnded      EventKind = "ended"      // the supervisor has ended
	EventBackoff    EventKind = "backoff"    // it will be started again, but not at once: Text says when
	EventCrowded    EventKind = "crowded"    // it has not read what two incarnations of a sender have sent: the third waits
	EventReplacing  EventKind = "replacing"  // a successor was started beside its process: see Supervisor.Replace
	EventReplaced   EventKind = "replaced"   // the successor has taken over; this does not count as a restart
	EventAbandoned  EventKind = "abandoned"  // the replacement was abandoned: Text says why
	EventIgnored    EventKind = "ignored"    // its Setup returned actor.ErrIgnore
	EventAuto       EventKind = "auto"       // a significant child has ended: the supervisor ends
	EventRefused    EventKind = "refused"    // one of its Limits that are Optional was refused: Text says which, and why

	// OTP's supervisor reports. Its progress is EventReady, its shutdown with
	// reached_max_restart_intensity is EventIntensity.
	EventChildTerminated EventKind = "child_terminated" // it has died by itself
	EventStartError      EventKind = "start_error"      // it did not become ready
	EventShutdownError   EventKind = "shutdown_error"   // asked to end, it ended for another reason
)

// hasExit says whether events of that kind carry an Exit.
func (k EventKind) hasExit() bool {
	switch k {
	case EventExited, EventGone, EventChildTerminated, EventStartError, EventShutdownError:
		return true
	}
	return false
}

// actorExit converts an exit to its public form.
func actorExit(w *wire.Exit) actor.Exit { return hosting.ExitOf(w).(actor.Exit) }

// Event is one thing that happened in a supervisor.
type Event struct {
	Time        time.Time
	Kind        EventKind
	Supervisor  string // path; "" for the program's
	Child       string // path; "" for the program's supervisor itself
	ID          uint32 // of the child's Ref
	Incarnation int
	PID         int
	Exit        *actor.Exit // with EventExited, EventGone and OTP's reports
	Text        string
}

// String is the event on one line: kind, child with its incarnation after a dot, and
// how it ended or the event's Text.
func (e Event) String() string {
	s := string(e.Kind)
	if e.Child != "" {
		s = fmt.Sprintf("%s %s.%d", s, e.Child, e.Incarnation)
		if e.PID != 0 { // 0 for a supervisor without a process of its own
			s += fmt.Sprintf(" (pid %d)", e.PID)
		}
	}
	if e.Exit != nil {
		s += ": " + e.Exit.Summary
	} else if e.Text != "" {
		s += ": " + e.Text
	}
	return oneLine(s)
}
