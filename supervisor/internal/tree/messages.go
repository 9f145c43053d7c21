package tree

import "errors"

// Input is something that happens to a Machine.
type Input interface{ input() }

// The inputs.
type (
	// Add is start_child: a new last child.
	Add struct {
		ID      uint32
		Restart Restart
	}
	// Ready says that the Setup of an incarnation has returned.
	Ready struct{ ID, Incarnation uint32 }
	// Exited says that an incarnation has ended and was reaped.
	Exited struct {
		ID, Incarnation uint32
		Reason          Reason
	}
	// Retry is what PostRetry asked for.
	Retry struct{ ID uint32 }
	// Terminate is terminate_child: stop a child and do not restart it.
	Terminate struct{ ID uint32 }
	// RestartChild is restart_child: start a stopped child.
	RestartChild struct{ ID uint32 }
	// Delete is delete_child: forget a stopped child.
	Delete struct{ ID uint32 }
	// Shutdown ends the supervisor: all children stop.
	Shutdown struct{}
)

func (Add) input()          {}
func (Ready) input()        {}
func (Exited) input()       {}
func (Retry) input()        {}
func (Terminate) input()    {}
func (RestartChild) input() {}
func (Delete) input()       {}
func (Shutdown) input()     {}

// Action is something that a Machine wants done.
type Action interface{ action() }

// The actions.
type (
	// Spawn starts the process of an incarnation.
	Spawn struct{ ID, Incarnation uint32 }
	// Stop asks an incarnation to end, and kills it when its time is over.
	Stop struct{ ID, Incarnation uint32 }
	// PostRetry wants a Retry after what is already waiting.
	PostRetry struct{ ID uint32 }
	// Started says that a child is ready for the first time since Add or
	// RestartChild.
	Started struct{ ID uint32 }
	// StartFailed says that it did not become ready.
	StartFailed struct{ ID uint32 }
	// Restarting says that a child has died and will be started again.
	Restarting struct{ ID uint32 }
	// Gone says that a child will not be started again by the rules.
	Gone struct{ ID uint32 }
	// Removed says that a child is forgotten.
	Removed struct{ ID uint32 }
	// Refused says that a command was refused.
	Refused struct {
		ID  uint32
		Err error
	}
	// Exceeded says that there were too many restarts: everything ends.
	Exceeded struct{ ID uint32 }
	// Ended says that nothing runs any more and nothing will.
	Ended struct{}
)

func (Spawn) action()       {}
func (Stop) action()        {}
func (PostRetry) action()   {}
func (Started) action()     {}
func (StartFailed) action() {}
func (Restarting) action()  {}
func (Gone) action()        {}
func (Removed) action()     {}
func (Refused) action()     {}
func (Exceeded) action()    {}
func (Ended) action()       {}

// Why commands are refused.
var (
	ErrNotFound     = errors.New("no such child")
	ErrShuttingDown = errors.New("the supervisor is ending")
	ErrRunning      = errors.New("the child is running")
	ErrRestarting   = errors.New("the child is being restarted")
)
