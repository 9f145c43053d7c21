package supervisor_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/sandbox"
)

type Inspected struct{}

// Look asks a child what it may do; Seen is what it found.
type (
	Look struct {
		actor.Asks[Inspected, Seen]
		What, Arg string
	}
	Seen struct{ Text string }
)

// inspected looks from inside at the limits of its process.
var inspected = actor.Define("inspected", func(s *actor.Setup[Inspected]) error {
	actor.OnAsk(s, func(c *actor.Context, l Look) (Seen, error) { return Seen{look(l.What, l.Arg)}, nil })
	return nil
})

func look(what, arg string) string {
	switch what {
	case "rlimit":
		var n int
		fmt.Sscan(arg, &n)
		var r unix.Rlimit
		if err := unix.Getrlimit(n, &r); err != nil {
			return err.Error()
		}
		return fmt.Sprint(r.Cur, " ", r.Max)
	case "ids":
		groups, _ := unix.Getgroups()
		return fmt.Sprint(unix.Getuid(), unix.Geteuid(), unix.Getgid(), unix.Getegid(), groups)
	case "file":
		b, err := os.ReadFile(arg)
		return text(err, strings.TrimSpace(string(b)))
	case "environment":
		return fmt.Sprint(os.LookupEnv(arg))
	case "status": // a line of the status of every thread
		return ofThreads("status", func(line string) (string, bool) { return strings.CutPrefix(line, arg+":\t") })
	case "nice":
		return ofThreads("stat", func(line string) (string, bool) {
			f := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
			return f[16], true
		})
	case "write":
		return text(os.WriteFile(arg, []byte("x"), 0o600), "")
	case "remove":
		return text(os.Remove(arg), "")
	case "truncate":
		return text(os.Truncate(arg, 0), "")
	case "list":
		_, err := os.ReadDir(arg)
		return text(err, "")
	case "run":
		return text(exec.Command(arg).Run(), "")
	case "link":
		to, err := os.Readlink(arg)
		return text(err, to)
	case "pid":
		return fmt.Sprint(os.Getpid())
	case "processes":
		return strings.Join(processNumbers(), " ")
	case "interfaces":
		all, err := net.Interfaces()
		var names []string
		for _, i := range all {
			names = append(names, i.Name)
		}
		return text(err, strings.Join(names, " "))
	case "sysinfo": // by all threads, old and new
		return onThreads(func() error { return unix.Sysinfo(new(unix.Sysinfo_t)) })
	}
	return "what is " + what
}

func processNumbers() (numbers []string) {
	dirs, _ := os.ReadDir("/proc")
	for _, d := range dirs {
		if strings.Trim(d.Name(), "0123456789") == "" {
			numbers = append(numbers, d.Name())
		}
	}
	return numbers
}

func text(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}

// ofThreads is what all threads have in common, or all that they have.
func ofThreads(file string, take func(line string) (string, bool)) string {
	// Some more threads than there are.
	onThreads(func() error { return nil })
	var all []string
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		b, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/" + file)
		for line := range strings.Lines(string(b)) {
			if v, ok := take(strings.TrimSpace(line)); ok {
				all = append(all, v)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

// onThreads is the outcome of f on many threads at once.
func onThreads(f func() error) string {
	const n = 20
	var wg, meet sync.WaitGroup
	var mu sync.Mutex
	var all []string
	meet.Add(n)
	for range n {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			meet.Done()
			meet.Wait()
			err := f()
			mu.Lock()
			defer mu.Unlock()
			all = append(all, text(err, "fine"))
		})
	}
	wg.Wait()
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

// inspect starts a child with limits. The test is skipped where this run's form of
// queue or segment does not reach such a child.
func inspect(t *testing.T, limits supervisor.Limits) (func(what, arg string) string, *recorder, error) {
	t.Helper()
	ctx, sup, r := newSup(t, supervisor.Spec{})
	ref, err := supervisor.StartChild(ctx, sup, inspected, supervisor.Child{Limits: limits, Restart: supervisor.Temporary})
	if err != nil && strings.Contains(err.Error(), `of the form "sysv" does not reach`) && sysvChosen() {
		t.Skip("skipped:", err)
	}
	return func(what, arg string) string {
		t.Helper()
		seen, err := actor.Ask(ctx, ref, Look{What: what, Arg: arg})
		if err != nil {
			t.Fatalf("%s %s: %v", what, arg, err)
		}
		return seen.Text
	}, r, err
}

// started is inspect for limits that any machine should allow; where it does
// not, the test is skipped.
func started(t *testing.T, limits supervisor.Limits) func(what, arg string) string {
	t.Helper()
	see, _, err := inspect(t, limits)
	if x := new(supervisor.RefusedError); errors.As(err, &x) && refusable(x) {
		testutil.Refused(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return see
}

// sysvChosen says that this run is of a form that does not reach every child.
func sysvChosen() bool {
	return os.Getenv("UNDERSTUDY_QUEUE") == "sysv" || os.Getenv("UNDERSTUDY_SEGMENT") == "sysv"
}

// refusable says whether a refusal is the machine's own way, rather than a
// defect: there is no such thing here, or it takes privilege that this user has
// not.
func refusable(x *supervisor.RefusedError) bool {
	if x.Limit == "execve" {
		return false
	}
	for _, err := range []error{unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM, unix.EACCES, errors.ErrUnsupported} {
		if errors.Is(x, err) {
			return true
		}
	}
	return errors.As(x.Err, new(*sandbox.ABIError))
}

func want(t *testing.T, name, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}

// readable are paths without which a program that is linked dynamically does
// not start; the race detector links so.
func readable() (paths []string) {
	for _, p := range []string{"/lib", "/lib64", "/usr", "/bin"} {
		if _, err := os.Stat(p); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// writable are paths without which a child has no segments, if this run is of a form
// that has files.
func writable() []string {
	switch os.Getenv("UNDERSTUDY_SEGMENT") {
	case "shm":
		return []string{"/dev/shm"}
	case "file":
		return []string{os.TempDir()}
	}
	return nil
}

func init() {
	testutil.ExamplesNeed(func() error {
		if len(writable()) > 0 {
			return errors.New("UNDERSTUDY_SEGMENT is of a form whose files the limits of an example forbid")
		}
		return nil
	})
}

// more are values that nobody refuses: not lower than those of this process.
func more(nice, score int) (int, int) {
	if p, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		nice = max(nice, 20-p)
	}
	var own int
	if _, err := fmt.Sscan(look("file", "/proc/self/oom_score_adj"), &own); err == nil {
		score = max(score, own)
	}
	return nice, score
}
