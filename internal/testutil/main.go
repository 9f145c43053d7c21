package testutil

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// helperVar names the helper that a process is to run; filesVar says how many
// files it inherits beyond the liveness pipe.
const (
	helperVar = "UNDERSTUDY_TEST_HELPER"
	filesVar  = "UNDERSTUDY_TEST_FILES"
)

// Registration is the result of Helper. Its only use is to be assigned to a blank
// package-level variable.
type Registration struct{}

var (
	helpers = make(map[string]func(*Child) int) // written during initialization only

	startedMu sync.Mutex
	started   = make(map[string]bool) // helpers that some test started

	refused atomic.Bool // a test was skipped by Refused, so its helpers may be unused
)

// Helper registers f under name, to be run in a process of its own by Start.
// The result of f is the exit status of that process. Call it from the
// initializer of a package-level variable; a name registered twice panics.
func Helper(name string, f func(*Child) int) Registration {
	if helpers[name] != nil {
		panic("testutil: helper " + name + " is registered twice")
	}
	helpers[name] = f
	return Registration{}
}

// HelperErr is Helper for a function that returns an error. An error goes to the process's
// stderr, and makes its exit status 1.
func HelperErr(name string, f func(*Child) error) Registration {
	return Helper(name, func(c *Child) int {
		if err := f(c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	})
}

// Main is the whole body of a TestMain; it does not return.
//
// First it calls the before functions, in every process; one of them may take the process
// over and never return. Then it runs the helper if the process was started as one, and
// the tests otherwise. A complete run of the tests fails if there are helpers that no test
// has started: then a test has silently lost its other process.
func Main(m *testing.M, before ...func()) {
	for _, f := range before {
		f()
	}
	if name, ok := os.LookupEnv(helperVar); ok {
		os.Exit(runHelper(name))
	}
	skipExamples()
	code := m.Run()
	if unused := unusedHelpers(); code == 0 && len(unused) > 0 && complete() {
		fmt.Fprintf(os.Stderr, "testutil: no test started the helpers %q: start them or remove them\n", unused)
		code = 1
	}
	os.Exit(code)
}

// Refused skips a test because the kernel or the machine refuses what the test needs.
// Unlike t.Skip, it also tells Main that helpers may remain unused.
func Refused(t testing.TB, reason any) {
	t.Helper()
	refused.Store(true)
	t.Skipf("refused by this machine: %v", reason)
}

func runHelper(name string) int {
	f := helpers[name]
	if f == nil {
		fmt.Fprintf(os.Stderr, "testutil: no helper %q in this test binary\n", name)
		return 2
	}
	return f(newChild())
}

func unusedHelpers() []string {
	startedMu.Lock()
	defer startedMu.Unlock()
	var names []string
	for name := range helpers {
		if !started[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// complete reports whether this run executes every test: only then an unused helper is a
// mistake. Outside Linux, the tests of the Linux forms are skipped or not compiled.
func complete() bool {
	if refused.Load() || testing.Short() || runtime.GOOS != "linux" {
		return false
	}
	for _, name := range []string{"run", "skip", "list", "bench", "fuzz"} {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}
