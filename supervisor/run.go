package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/understudy-go/understudy/supervisor/internal/process"
)

// Run runs a program: f, with a supervisor that has the default Spec. See
// Spec.Run.
func Run(f func(ctx context.Context, sup *Supervisor) error) { Spec{}.Run(f) }

// Run runs a program. In the root process it makes a supervisor, calls f with
// it, stops the children in reverse order when f has returned, and exits with
// code 1 and a message if f failed or the supervisor gave up. In a child
// process it runs the child's actor and never returns. Before Run a program
// may only parse its flags: whatever it does is done in every process.
//
// f's context ends when the supervisor gives up, and at the first SIGINT or
// SIGTERM; f should then return. One that comes while the children of s are
// started stops those that are, and f is not called. A second signal kills everything at once and
// exits with 128 and the signal's number.
//
// As process 1 of a container the program does what is left to that process: it
// reaps those whose parent has died, and gets the signals that the container is
// sent; see Command.Forward. Such orphans may be anybody's, a shell's that was
// started in the container from outside too, and all of them are ended when a
// child dies: which of them were that child's the kernel does not tell.
//
// Run is called by main. It calls f in a goroutine of its own and keeps the main
// thread to reap and end what children leave behind: descendants that have left
// their group have this process as their parent once theirs has died.
func (s Spec) Run(f func(ctx context.Context, sup *Supervisor) error) {
	runChild()
	var err error
	process.WithOrphans(func() { err = s.run(f) })
	releaseMain()
	if code := exitCode(err); code != 0 {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName(), err)
		os.Exit(code)
	}
}

// SignalError is why a program ended that was asked to by a signal.
type SignalError struct{ Signal syscall.Signal }

func (e *SignalError) Error() string { return fmt.Sprintf("stopped by signal: %v", e.Signal) }

func (s Spec) run(f func(ctx context.Context, sup *Supervisor) error) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var running atomic.Pointer[Supervisor]
	stop := onSignals(func(sig syscall.Signal) { cancel(&SignalError{sig}) }, func() {
		if sup := running.Load(); sup != nil {
			sup.killAll()
		}
	})
	defer stop()
	sup, err := New(ctx, s)
	if err != nil {
		return err
	}
	running.Store(sup)
	s.sayReady()
	go func() {
		<-sup.Done()
		cancel(sup.Err())
	}()
	sup.watchdogPings()
	ferr := f(sup.Context(ctx), sup)
	_, _ = Notify("STOPPING=1")
	sup.Shutdown()
	cause := context.Cause(ctx)
	if errors.Is(ferr, context.Canceled) {
		ferr = cause // "context canceled" says less than why
	}
	if se := new(SignalError); ferr == nil && errors.As(cause, &se) {
		ferr = se
	}
	if ferr == nil {
		ferr = sup.Err()
	}
	return ferr
}

// onSignals calls first for the first SIGINT or SIGTERM, and for the second
// one now, before it exits.
func onSignals(first func(syscall.Signal), now func()) (stop func()) {
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	quit := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-ch:
				if n > 0 {
					now()
					os.Exit(128 + int(s.(syscall.Signal)))
				}
				fmt.Fprintf(os.Stderr, "%s: %v: stopping; once more ends it at once\n", programName(), s)
				first(s.(syscall.Signal))
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(ch)
		close(quit)
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if s := new(SignalError); errors.As(err, &s) {
		return 128 + int(s.Signal)
	}
	return 1
}
