package testutil

import (
	"flag"
	"fmt"
)

// examplesNeed says whether the machine allows what the examples of this package
// need; nil when they need nothing.
var examplesNeed func() error

// Examples makes Main leave out the examples of a package, with the reason, if
// allowed fails: an Example function cannot skip itself. Call it in an init function.
func Examples(allowed func() error) { examplesNeed = allowed }

// skipExamples does so.
func skipExamples() {
	if examplesNeed == nil {
		return
	}
	err := examplesNeed()
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
