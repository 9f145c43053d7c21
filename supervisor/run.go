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

// Run is the main function of a program whose supervisor has the default Spec:
// Spec{}.Run(f). See Spec.Run.
func Run(f func(ctx context.Context, sup *Supervisor) error) { Spec{}.Run(f) }

// Run is the main function of a program. In the root process it makes a supervisor
// from s, calls f with it, and stops the children in reverse order when f has returned.
// If f fails or the supervisor gives up, Run prints the error and exits with code 1. In
// a child process it runs the child's actor and never returns. Before Run a program may
// only parse its flags, since what it does there happens in every process.
//
// The context of f ends when the supervisor gives up or ends by AutoShutdown, and at the
// first SIGINT or SIGTERM; f should then return. After AutoShutdown the exit code is 0, even
// if f returns the end of its context as an error. If a signal comes while the children of s are
// being started, those that have started are stopped, and f is not called. After a
// signal the exit code is 128 plus its number, unless f has failed for another reason. A
// second signal kills everything at once.
//
// Call Run from main. It calls f in a separate goroutine, since it needs the main
// thread to reap and end what children leave behind: a process that has left its
// process group becomes a child of the root when its parent has died. So no goroutine of
// the root should start a command and then end while it is bound to its thread
// (runtime.LockOSThread): the kernel gives the command to the main thread, too, which ends
// it like what a child has left behind.
//
// As process 1 of a container the program also reaps every process whose parent has
// died, and gets the signals that are sent to the container; see Command.Forward. The
// kernel does not tell which child such a process came from. So when a child dies all of
// them are ended, even those of a shell that was started in the container from outside.
func (s Spec) Run(f func(ctx context.Context, sup *Supervisor) error) {
	runChild()
	var err error
	process.WithOrphans(func() { err = s.run(f) })
	releaseMain()
	if code := exitCode(err); code != 0 {
		say(lastTime, "%s: %v", programName(), err)
		os.Exit(code)
	}
}

// SignalError says that a program has ended because a signal asked it to. It is then the
// cause of the context of Run's function, and so what a Tell or an Ask with that context
// returns. errors.Is finds context.Canceled in it.
type SignalError struct{ Signal syscall.Signal }

func (e *SignalError) Error() string { return fmt.Sprintf("stopped by signal: %v", e.Signal) }

// Is says whether target is context.Canceled.
func (e *SignalError) Is(target error) bool { return target == context.Canceled }

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
	sup, err := create(s)
	if err != nil {
		return err
	}
	running.Store(sup)
	sup.host.Claim()
	sup.manager = &manager{log: sup.log}
	sup.manager.starting.Store(true)
	if err := sup.startListed(ctx); err != nil {
		sup.Shutdown()
		return err
	}
	sup.manager.ready(s)
	go func() {
		<-sup.Done()
		cancel(sup.Err())
	}()
	sup.watchdogPings()
	ferr := f(sup.Context(ctx), sup)
	over := ctx.Err() != nil
	sup.manager.tell("STOPPING=1")
	sup.Shutdown()
	why := sup.Err()
	if se := new(SignalError); errors.As(context.Cause(ctx), &se) {
		why = se
	}
	// "context canceled" says less than why, and is no failure after AutoShutdown, when why is
	// nil; but f may have cancelled a context of its own.
	if ferr == nil || (over || why != nil) && errors.Is(ferr, context.Canceled) && !errors.As(ferr, new(*SignalError)) {
		ferr = why
	}
	return ferr
}

// onSignals calls first at the first SIGINT or SIGTERM. At the second one it calls now
// and exits.
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
				say(flushTime, "%s: %v: stopping; once more ends it at once", programName(), s)
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
