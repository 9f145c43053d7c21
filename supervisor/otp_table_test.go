package supervisor_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/supervisor"
)

// TestOTPTable: every test that docs/otp.md names exists.
func TestOTPTable(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "otp.md"))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for prefix, dir := range map[string]string{"": ".", "tree.": filepath.Join("internal", "tree")} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(src), -1) {
				have[prefix+m[1]] = true
			}
		}
	}
	named := regexp.MustCompile("`((?:tree\\.)?Test\\w+)`").FindAllStringSubmatch(string(doc), -1)
	if len(named) < 60 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, m := range named {
		if !have[m[1]] {
			t.Errorf("docs/otp.md names %s, which does not exist", m[1])
		}
	}
}

// TestDefaultTimes: a worker has five seconds to end, OTP's default, and a supervisor
// has all the time that it needs.
func TestDefaultTimes(t *testing.T) {
	for _, tt := range []struct {
		child       supervisor.Child
		start, stop time.Duration
	}{
		{supervisor.Child{Actor: node}, 30 * time.Second, 5 * time.Second},
		{supervisor.Child{Command: &supervisor.Command{}}, 30 * time.Second, 5 * time.Second},
		{supervisor.Child{Supervisor: &supervisor.Spec{}}, supervisor.Infinity, supervisor.Infinity},
		{supervisor.Child{Subtree: pairOfNodes}, supervisor.Infinity, supervisor.Infinity},
		{supervisor.Child{Subtree: pairOfNodes, Start: 1, Shutdown: 2}, 1, 2},
		{supervisor.Child{Actor: node, Start: 1, Shutdown: 2}, 1, 2},
	} {
		if start, stop := supervisor.Times(tt.child); start != tt.start || stop != tt.stop {
			t.Errorf("%+v: %v to start and %v to stop, want %v and %v", tt.child, start, stop, tt.start, tt.stop)
		}
	}
}

// TestDefaults: OTP's, for what is not said. OTP: sup_flags, child_specs_map.
func TestDefaults(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{}) // permanent
	tell(t, ctx, ref, "exit 0")
	r.until(t, ctx, "the restart", func() bool { return who(t, ctx, ref).Incarnation == 2 })
	tell(t, ctx, ref, "exit 0") // the second within 5 s
	select {
	case <-sup.Done():
	case <-ctx.Done():
		t.Fatal("the supervisor did not give up")
	}
	if e, ok := sup.Err().(*supervisor.IntensityError); !ok || e.Intensity != 1 || e.Period != 5*time.Second || !strings.Contains(e.Error(), "Spec.Intensity") {
		t.Fatal(sup.Err())
	}
}
