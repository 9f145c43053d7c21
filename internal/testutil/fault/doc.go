// Package fault lets a test stop or kill a real process at a named point of
// production code.
//
// A point is a named place where a death would be most awkward, for example between the
// write of a message and its publication:
//
//	copy(slot, message)
//	fault.Hit("ring.commit")   <- the process may die here, on demand
//	tail.Store(next)
//
// Without the build tag faultinject, Hit is an empty function that the compiler inlines to
// nothing: production builds contain no trace of the points. With the tag, the environment
// variable UNDERSTUDY_FAULT says what happens. It is a comma-separated list of
// point:action:k, where k counts the hits of the point in this process, from 1:
//
//	UNDERSTUDY_FAULT=ring.commit:kill:3,ring.wake:delay=5ms:1
//
// Actions:
//
//	kill         SIGKILL to the process itself
//	stop         SIGSTOP to the process itself; it goes on after SIGCONT
//	exit         os.Exit with ExitStatus
//	panic        panic with the name of the point
//	delay=D      sleep for the Go duration D
//
// A value that cannot be parsed ends the process at its start with a message: a sweep that
// silently injects nothing would prove nothing.
//
// Package fault is the only package under internal/testutil that production code may
// import. It guarantees that an action happens at the k-th hit and only there, even if
// several goroutines hit a point at the same time. It does not say which of them that is.
package fault

// Variable is the environment variable that holds the list of faults.
const Variable = "UNDERSTUDY_FAULT"

// ExitStatus is the status with which the action exit ends the process.
const ExitStatus = 86
