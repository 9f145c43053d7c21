package supervisor_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplaceLimitRefused: the machine refuses a limit to the successor that the first
// process has. The error of Replace says so as that of a start does, below a
// supervisor in a process of its own, too. The old process goes on.
func TestReplaceLimitRefused(t *testing.T) {
	for _, place := range []string{"root", "subtree"} {
		t.Run(place, func(t *testing.T) {
			testutil.Audit(t)
			ctx, sup, r := newSup(t, supervisor.Spec{})
			parent := sup
			if place == "subtree" {
				parent, _, _ = startPair(t, ctx, sup, supervisor.Child{})
			}
			dir := filepath.Join(t.TempDir(), "dir")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			c := supervisor.Child{Name: "c", Limits: supervisor.Limits{ReadOnly: append(readable(), dir), ReadWrite: writable()}}
			ref, err := supervisor.StartChild(ctx, parent, node, c)
			if x := new(supervisor.RefusedError); errors.As(err, &x) && refusable(x) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			before := who(t, ctx, ref)
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
			err = sup.Replace(ctx, ref.ID, supervisor.Replacement{})
			x, re, se := new(supervisor.RefusedError), new(supervisor.ReplaceError), new(supervisor.StartError)
			if !errors.As(err, &re) || re.Step != "start" || !errors.As(err, &se) || !errors.As(err, &x) || x.Limit != supervisor.LimitPaths ||
				x.Remedy == "" || !errors.Is(err, unix.ENOENT) {
				t.Errorf("%v (%+v)", err, x)
			}
			t.Log(err)
			if after := who(t, ctx, ref); after != before {
				t.Errorf("%+v, was %+v", after, before)
			}
			if got := r.kinds(supervisor.EventAbandoned); len(got) != 1 {
				t.Error(got)
			}
		})
	}
}
