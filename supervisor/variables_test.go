package supervisor_test

import (
	"strings"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

// TestVariables: a value of a variable that means nothing is an error that names the
// variable and what it may be; all are listed at once. What means something is none.
func TestVariables(t *testing.T) {
	may := map[string][]string{
		"UNDERSTUDY_QUEUE": {"auto", "ring", "pipe"}, "UNDERSTUDY_SEGMENT": {"auto", "memfd"}, "UNDERSTUDY_NOTIFIER": {"futex", "eventfd"},
		"UNDERSTUDY_SPIN": {"off", "on"}, "UNDERSTUDY_RESERVE": {"off", "on"},
	}
	for name, words := range may {
		for _, word := range append(words, "") {
			t.Setenv(name, word)
			if sup, err := supervisor.New(t.Context(), supervisor.Spec{}); err != nil {
				t.Errorf("%s=%s: %v", name, word, err)
			} else {
				sup.Shutdown()
			}
		}
	}
	for name := range may {
		t.Setenv(name, "offf")
	}
	sup, err := supervisor.New(t.Context(), supervisor.Spec{Notifier: "bell"})
	if err == nil {
		sup.Shutdown()
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for name, words := range may {
		n := 0
		for _, line := range lines {
			if strings.Contains(line, name) && strings.Contains(line, `"offf"`) && strings.Contains(line, words[0]) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is in %d lines of %q", name, n, lines)
		}
	}
	if len(lines) != len(may)+1 || !strings.Contains(lines[0], `"bell"`) {
		t.Errorf("%q", lines)
	}
}
