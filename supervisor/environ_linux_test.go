package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

// TestPassEnv: a child has the variables that its PassEnv lists, and what else it was
// given, and no others: not the program's secrets. The kernel is asked, not the child.
func TestPassEnv(t *testing.T) {
	t.Setenv("AUDIT_SECRET", "abc")
	t.Setenv("AUDIT_WANTED", "yes")
	t.Setenv("UNDERSTUDY_SPIN", "on") // of the library
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	below, err := supervisor.StartSubtree(ctx, sup, pairOfNodes, supervisor.Child{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pass []string
		want string
	}{
		{[]string{"AUDIT_WANTED", "AUDIT_NONE"}, "AUDIT_WANTED=yes GIVEN=1 UNDERSTUDY_SPIN=on"},
		{[]string{}, "GIVEN=1 UNDERSTUDY_SPIN=on"},
	} {
		for _, by := range []*supervisor.Supervisor{sup, below} { // there it crosses a process boundary
			got := environmentOf(t, ctx, by, supervisor.Child{Name: fmt.Sprint("pass", len(c.pass)), Env: []string{"GIVEN=1"}, PassEnv: c.pass})
			got = slices.DeleteFunc(got, func(v string) bool {
				name, _, _ := strings.Cut(v, "=")
				return name == "UNDERSTUDY_ROLE" || name != "UNDERSTUDY_SPIN" && strings.HasPrefix(name, "UNDERSTUDY_") || name == "XDG_RUNTIME_DIR"
			})
			if strings.Join(got, " ") != c.want {
				t.Errorf("with %q it has %q, want %q", c.pass, got, c.want)
			}
		}
	}
	all := environmentOf(t, ctx, sup, supervisor.Child{Name: "all"})
	for _, v := range os.Environ() {
		if !slices.Contains(all, v) {
			t.Errorf("without a list %q is missing", v)
		}
	}
	if err := (supervisor.Child{Actor: node, PassEnv: []string{"A=1", ""}}).Validate(); err == nil || strings.Count(err.Error(), "PassEnv") != 2 {
		t.Errorf("%v", err)
	}
}

// environmentOf starts a child of by, and returns its environment, sorted.
func environmentOf(t *testing.T, ctx context.Context, by *supervisor.Supervisor, c supervisor.Child) []string {
	t.Helper()
	ref, err := supervisor.StartChild(ctx, by, node, c) // below, the process's own stderr
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", who(t, ctx, ref).PID))
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
	slices.Sort(env)
	return env
}
