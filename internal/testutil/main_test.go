package testutil_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

// ranBefore is set by the function that Main is to call first in every process.
var ranBefore bool

func TestMain(m *testing.M) { testutil.Main(m, func() { ranBefore = true }) }

// recorder is a testing.TB that remembers failures instead of failing.
type recorder struct {
	testing.TB // for what a recorder does not replace; it has no private part of its own

	mu       sync.Mutex
	failed   bool
	text     string
	cleanups []func()
}

// record runs f as if it were a test and returns how it ended.
func record(t *testing.T, f func(t testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(r.cleanups) - 1; i >= 0; i-- {
				r.cleanups[i]()
			}
		}()
		f(r)
	}()
	<-done
	return r
}

func (r *recorder) note(failed bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	r.text += text + "\n"
}

func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Logf(f string, a ...any)   { r.note(false, fmt.Sprintf(f, a...)) }
func (r *recorder) Errorf(f string, a ...any) { r.note(true, fmt.Sprintf(f, a...)) }
func (r *recorder) Failed() bool              { return r.failed }
func (r *recorder) Helper()                   {}
func (r *recorder) Fatalf(f string, a ...any) {
	r.note(true, fmt.Sprintf(f, a...))
	runtime.Goexit()
}

// must ends the test on an error that is not its subject.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
