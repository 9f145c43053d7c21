package testutil

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// Example runs the body of an Example function that needs a second process. t supports
// Start and what Start needs. A failure panics, which fails the example.
func Example(body func(t testing.TB)) {
	t := &exampleTB{}
	defer func() {
		for i := len(t.cleanups) - 1; i >= 0; i-- {
			t.cleanups[i]()
		}
	}()
	body(t)
}

// exampleTB has those methods of a testing.TB that Start and Proc call; all others panic,
// as the embedded interface is nil.
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

// examplesAllowed returns an error if the machine does not allow what the examples of this
// package need. It is nil if they need nothing.
var examplesAllowed func() error

// ExamplesNeed makes Main skip the examples of a package if allowed fails, and print the
// reason: an Example function cannot skip itself. Call it in an init function.
func ExamplesNeed(allowed func() error) { examplesAllowed = allowed }

// skipExamples skips the examples if the machine does not allow them.
func skipExamples() {
	if examplesAllowed == nil {
		return
	}
	err := examplesAllowed()
	if err == nil {
		return
	}
	flag.Parse()
	skip := flag.Lookup("test.skip")
	pattern := "^Example"
	if already := skip.Value.String(); already != "" {
		pattern = already + "|" + pattern
	}
	_ = skip.Value.Set(pattern)
	refused.Store(true)
	fmt.Println("the examples are skipped: refused by this machine:", err)
}
