package tree

import (
	"errors"
	"fmt"
	"time"
)

// Input is something that happens to a Machine.
type Input interface{ input() }

// The inputs. A command has a Call, a number that its Answer carries; zero
// wants no answer.
type (
	// Init starts the children of a supervisor's Spec, one after another.
	// Either all are started or none: a failure stops the others in reverse
	// order and ends the supervisor. The outcome is Up or InitFailed.
	Init struct{ Children []Add }
	// Add is start_child: a new last child.
	Add struct {
		Call uint64
		ID   uint32
		Last uint32 // incarnations that it has had in a supervisor before this one
		Spec ChildSpec
	}
	// Ready says that the Setup of an incarnation has returned.
	Ready struct{ ID, Incarnation uint32 }
	// Exited says that an incarnation has ended and was reaped.
	Exited struct {
		ID, Incarnation uint32
		Reason          Reason
	}
	// Ignored says that an incarnation ended before it was ready because it is
	// not wanted: OTP's ignore.
	Ignored struct{ ID, Incarnation uint32 }
	// Retry is the input that PostRetry or BackingOff has asked for.
	Retry struct{ ID uint32 }
	// Terminate is terminate_child: stop a child. Its spec stays, unless Forget is set.
	Terminate struct {
		Call   uint64
		ID     uint32
		Forget bool
	}
	// RestartChild is restart_child: start a stopped child.
	RestartChild struct {
		Call uint64
		ID   uint32
	}
	// Delete is delete_child: forget a stopped child.
	Delete struct {
		Call uint64
		ID   uint32
	}
	// Replace replaces the process of a running child.
	Replace struct {
		Call uint64
		ID   uint32
	}
	// HandedOver says that a successor has taken its predecessor's state.
	HandedOver struct{ ID, Incarnation uint32 }
	// GiveUp ends a replacement, before its Commit: the successor is killed.
	GiveUp struct {
		ID, Incarnation uint32
		Err             error
	}
	// Shutdown ends the supervisor: all children stop.
	Shutdown struct{}
)

func (Init) input()         {}
func (Add) input()          {}
func (Ready) input()        {}
func (Exited) input()       {}
func (Ignored) input()      {}
func (Retry) input()        {}
func (Terminate) input()    {}
func (RestartChild) input() {}
func (Delete) input()       {}
func (Replace) input()      {}
func (HandedOver) input()   {}
func (GiveUp) input()       {}
func (Shutdown) input()     {}

// Action is something that a Machine wants done.
type Action interface{ action() }

// The actions.
type (
	// Spawn starts the process of an incarnation. A child that was Gone is back.
	Spawn struct{ ID, Incarnation uint32 }
	// Stop asks an incarnation to end, and kills it when its time is over.
	Stop struct{ ID, Incarnation uint32 }
	// StopAll stops all children of a simple_one_for_one supervisor at once, with
	// one timer.
	StopAll struct{ Children []Stop }
	// SpawnSuccessor starts the process of an incarnation beside the one that
	// runs. It too is followed by Ready and Exited.
	SpawnSuccessor struct{ ID, Incarnation uint32 }
	// HandOver asks an incarnation to stop between two messages, and to hand its
	// state over to its successor. The outcome is HandedOver or GiveUp.
	HandOver struct{ ID, Incarnation, Successor uint32 }
	// Commit asks an incarnation that has handed over to end.
	Commit struct{ ID, Incarnation uint32 }
	// TakeOver gives the mailbox and the name to a successor, whose predecessor has
	// ended. If the successor has died too, that is handled next.
	TakeOver struct{ ID, Incarnation uint32 }
	// Abandon kills a successor. Its predecessor goes on, if it is alive.
	Abandon struct{ ID, Incarnation uint32 }
	// PostRetry asks for a Retry after the inputs that are already waiting.
	PostRetry struct{ ID uint32 }
	// BackingOff asks for a Retry at that time, and not before.
	BackingOff struct {
		ID    uint32
		Until time.Duration
	}
	// Answer is the outcome of a command. Every nonzero Call gets one.
	Answer struct {
		Call uint64
		ID   uint32
		Err  error
	}
	// Restarting says that a child will be started again now: after its death,
	// or after a start that failed.
	Restarting struct{ ID uint32 }
	// Gone says that a child will not be restarted. Final says that the reason is
	// the end of the whole supervisor.
	Gone struct {
		ID    uint32
		Final bool
	}
	// Removed says that a child is forgotten.
	Removed struct{ ID uint32 }
	// Report is one of OTP's reports about a child.
	Report struct {
		Kind ReportKind
		ID   uint32
	}
	// Exceeded says that there were too many restarts: everything ends.
	Exceeded struct{ ID uint32 }
	// SignificantEnded says that everything ends because a significant child has ended.
	SignificantEnded struct{ ID uint32 }
	// Up says that all children of Init are ready.
	Up struct{}
	// InitFailed says which child of Init did not become ready: everything ends.
	InitFailed struct{ ID uint32 }
	// Ended says that nothing runs any more and nothing will. For the supervisor
	// above, such an end has the reason ByRequest.
	Ended struct{}
)

func (Spawn) action()            {}
func (Stop) action()             {}
func (StopAll) action()          {}
func (SpawnSuccessor) action()   {}
func (HandOver) action()         {}
func (Commit) action()           {}
func (TakeOver) action()         {}
func (Abandon) action()          {}
func (PostRetry) action()        {}
func (BackingOff) action()       {}
func (Answer) action()           {}
func (Restarting) action()       {}
func (Gone) action()             {}
func (Removed) action()          {}
func (Report) action()           {}
func (Exceeded) action()         {}
func (SignificantEnded) action() {}
func (Up) action()               {}
func (InitFailed) action()       {}
func (Ended) action()            {}

// ReportKind is the context of one of OTP's supervisor reports.
type ReportKind uint8

// The kinds of reports that are not actions of their own. OTP's progress is the input
// Ready, and its shutdown is the action Exceeded.
const (
	ChildTerminated ReportKind = iota // it has died by itself, abnormally or to be restarted
	StartError                        // it did not become ready
	ShutdownError                     // asked to end, it ended for another reason
)

func (k ReportKind) String() string {
	return name(uint8(k), "child_terminated", "start_error", "shutdown_error")
}

// Reasons why commands are refused or fail.
var (
	ErrNotFound     = errors.New("no such child")
	ErrShuttingDown = errors.New("the supervisor is ending")
	ErrRunning      = errors.New("the child is running: Terminate it first")
	ErrRestarting   = errors.New("the child is being restarted")
	ErrNotRunning   = errors.New("it is not running")
	ErrReplacing    = errors.New("the child is being replaced")
	ErrSuccessor    = errors.New("the successor has ended")
	ErrSimple       = errors.New("children of a simple_one_for_one supervisor can only be started and terminated")
	ErrStart        = errors.New("the child did not become ready")
	ErrTerminated   = errors.New("the child was terminated before it was ready")
	ErrIgnored      = errors.New("the child is not wanted: its start was ignored")
)

// PresentError says that a child of that name already exists: OTP's already_present if
// it is stopped, and already_started if it is not.
type PresentError struct {
	ID      uint32
	Started bool
}

func (e *PresentError) Error() string {
	if e.Started {
		return fmt.Sprintf("already started, as number %d: a further one needs another Child.Name", e.ID)
	}
	return fmt.Sprintf("already present, as number %d, and stopped: restart or delete it", e.ID)
}
