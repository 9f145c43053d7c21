package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/supervisor/internal/confine"
	"github.com/understudy-go/understudy/supervisor/internal/guard"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/sock"
)

// roleVar is the variable by which a process learns that it is a child. It is
// removed from the environment as soon as the role is taken.
const roleVar = "UNDERSTUDY_ROLE"

// roleValue says which descriptors a child has, and by which form it sleeps.
const roleValue = "1 link=3 liveness=4 notifier="

// subtreeRole is the same for a supervisor in a process of its own.
const subtreeRole = "1 link=3 liveness=4 supervisor notifier="

// The descriptors of a child.
const (
	linkFD     = 3
	livenessFD = 4
)

// RunChild runs the actor, and does not return, if this process was started as a child
// of a supervisor. Otherwise it does nothing. Run calls it; a test calls it at the start
// of TestMain:
//
//	func TestMain(m *testing.M) {
//		supervisor.RunChild()
//		os.Exit(m.Run())
//	}
func RunChild() {
	runChild()
	releaseMain()
}

// runChild is RunChild for a caller that continues in the main thread.
func runChild() {
	role, ok := os.LookupEnv(roleVar)
	if !ok {
		return
	}
	os.Unsetenv(roleVar)
	process.WithOrphans(func() {
		if err := serveChild(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		process.EndDescendants()
		os.Exit(0)
	})
	fmt.Fprintln(os.Stderr, "understudy: runtime.Goexit has ended the goroutine of this child")
	os.Exit(1) // must not continue as the root of another program
}

// releaseMain gives the main thread back to a program that is not a child.
var releaseMain = sync.OnceFunc(process.ReleaseMainThread)

// init watches for the supervisor's death from the first moment on, whatever the program
// does before Run. It holds the main thread until it is known whether that thread has to
// care for orphans, which it can only do if it has started no process itself.
func init() {
	process.HoldMainThread()
	confine.Enter()
	if isChild() && process.IsSocket(linkFD) {
		drives.Store(strings.HasPrefix(os.Getenv(roleVar), subtreeRole))
		_ = process.BecomeSubreaper()
		process.WatchLiveness(process.TakeFile(livenessFD, "liveness"), endAll)
	}
}

// endAll ends this process and everything that it has started, when its supervisor or
// the root is gone. Both may call it; it acts once.
var endAll = sync.OnceFunc(func() {
	hosting.Doomed.Store(true)
	var elsewhere []string
	if drives.Load() {
		elsewhere = lane.Elsewhere(process.Descendants)
	}
	process.EndDescendants()
	_ = lane.Leave(drives.Load(), elsewhere) // the next start sweeps what is left
	process.KillOwnGroup()
})

// drives is set in a supervisor's own process.
var drives atomic.Bool

// isChild says whether this process was given a role that it has not taken yet.
func isChild() bool {
	_, ok := os.LookupEnv(roleVar)
	return ok
}

// guardRole is the role of a guardian: descriptor 5 says what it has to run.
const guardRole = "1 link=3 liveness=4 command=5"

const commandFD = 5

func serveGuard() error {
	if !process.IsSocket(linkFD) {
		return fmt.Errorf("understudy: %s is set, but this process was not started by a supervisor", roleVar)
	}
	text, err := io.ReadAll(process.TakeFile(commandFD, "command"))
	if err != nil {
		return fmt.Errorf("understudy: command: %w", err)
	}
	var spec guard.Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		return fmt.Errorf("understudy: command: %w", err)
	}
	l, err := sock.New(process.TakeFile(linkFD, "link"))
	if err != nil {
		return fmt.Errorf("understudy: link: %w", err)
	}
	process.SetName(spec.Name)
	return guard.Serve(l, spec, endAll)
}

func serveChild(role string) error {
	if role == guardRole {
		return serveGuard()
	}
	if form, ok := strings.CutPrefix(role, subtreeRole); ok && process.IsSocket(linkFD) {
		return serveSubtree(form)
	}
	form, ok := strings.CutPrefix(role, roleValue)
	if !ok || !process.IsSocket(linkFD) {
		return fmt.Errorf("understudy: %s is set to %q, but this process was not started by a supervisor.\n"+
			"The variable is how a supervisor tells a child its role. To run the program itself, unset it:\n\n\tenv -u %s %s",
			roleVar, role, roleVar, strings.Join(os.Args, " "))
	}
	l, err := sock.New(process.TakeFile(linkFD, "link"))
	if err != nil {
		return fmt.Errorf("understudy: link: %w", err)
	}
	n, err := newNotifier(form)
	if err != nil {
		return err
	}
	h, err := hosting.New(hosting.Config{Link: l, Notifier: n, Lost: endAll})
	if err != nil {
		return err
	}
	process.SetName(h.Name())
	if _, err := h.Serve(); err != nil {
		return err
	}
	h.Close()
	return nil
}

func newNotifier(form string) (transport.Notifier, error) {
	switch form {
	case "futex":
		return notify.NewFutex()
	case "eventfd":
		return notify.NewEventfd()
	}
	n, err := notify.Best()
	if n == nil {
		return nil, err
	}
	return n, nil
}
