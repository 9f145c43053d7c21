package sock

import (
	"fmt"
	"os"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// helper registers a function that runs in a process of its own and fails with
// an error.
func helper(name string, f func(*testutil.Child) error) testutil.Registration {
	return testutil.Helper(name, func(c *testutil.Child) int {
		if err := f(c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	})
}

// start runs a helper with files. The race detector would make each of them
// sleep for a second at its end.
func start(t testing.TB, name string, files ...*os.File) *testutil.Proc {
	t.Helper()
	return testutil.Start(t, name, testutil.Spec{Files: files, Env: []string{"GORACE=atexit_sleep_ms=0"}})
}

// ended fails the test unless the process has ended well.
func ended(t testing.TB, p *testutil.Proc) {
	t.Helper()
	if s := p.Wait(); !s.Success() {
		t.Errorf("helper: %v", s)
	}
}
