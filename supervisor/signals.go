package supervisor

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// ownSignals cannot be passed on: they stop or end this process, serve the Go runtime,
// are raised by faults of this process, or belong to Run.
var ownSignals = []syscall.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGPROF,
	syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSYS, syscall.SIGABRT,
}

func (c *Command) validateForward() (errs []error) {
	for _, sig := range c.Forward {
		if sig <= 0 || slices.Contains(ownSignals, sig) {
			errs = append(errs, fmt.Errorf("supervisor: Command.Forward has %d (%v): this signal cannot be passed on", int(sig), sig))
		}
	}
	return errs
}

// forwards makes this process catch the signals that a command wants, from its
// first start to the end of the supervisor. The loop calls it.
func (s *Supervisor) forwards(c *Command) {
	if len(c.Forward) == 0 {
		return
	}
	if s.signals == nil {
		s.signals = make(chan os.Signal, 16) // room for one of each kind: the kernel merges several of one kind
		go s.catch(s.signals)
	}
	for _, sig := range c.Forward {
		signal.Notify(s.signals, sig)
	}
}

// catch receives the signals of this process until the supervisor ends.
func (s *Supervisor) catch(signals chan os.Signal) {
	defer signal.Stop(signals)
	for {
		select {
		case sig := <-signals:
			s.post(func() { s.forward(sig.(syscall.Signal)) })
		case <-s.quit:
			return
		}
	}
}

// forward sends a signal to the guardians of the commands that want it. A command that
// is not ready does not get it: it may not catch the signal yet, and would die of it.
func (s *Supervisor) forward(sig syscall.Signal) {
	for _, c := range s.children {
		if c.run == nil || !c.ready || c.spec.Command == nil || !slices.Contains(c.spec.Command.Forward, sig) {
			continue
		}
		if p, ok := c.run.proc.(interface{ Signal(syscall.Signal) error }); ok {
			_ = p.Signal(sig) // it may have ended
		}
	}
}
