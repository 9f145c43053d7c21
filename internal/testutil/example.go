package testutil

import (
	"fmt"
	"os"
	"testing"
)

// Example runs the body of an Example function that needs a second process:
// t is good for Start and for what Start needs. A failure panics, which fails
// the example.
func Example(body func(t testing.TB)) {
	t := &exampleTB{}
	defer func() {
		for i := len(t.cleanups) - 1; i >= 0; i-- {
			t.cleanups[i]()
		}
	}()
	body(t)
}

// exampleTB is as much of a testing.TB as Start and Proc call; the rest of the
// embedded nil interface panics.
type exampleTB struct {
	testing.TB
	cleanups []func()
	failed   bool
}

func (t *exampleTB) Helper()                           {}
func (t *exampleTB) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *exampleTB) Failed() bool                      { return t.failed }
func (t *exampleTB) Logf(format string, args ...any)   { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (t *exampleTB) Fatalf(format string, args ...any) { t.Errorf(format, args...) }
func (t *exampleTB) Fatal(args ...any)                 { t.Errorf("%s", fmt.Sprint(args...)) }
func (t *exampleTB) Errorf(format string, args ...any) {
	t.failed = true
	panic(fmt.Sprintf(format, args...))
}
