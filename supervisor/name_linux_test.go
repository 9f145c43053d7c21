package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

func init() { programs["names"] = namesProgram }

// namesProgram prints the numbers of its processes and the names that they should have.
func namesProgram() {
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		if _, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "left) S 1 (a"}); err != nil {
			return err
		}
		limits := supervisor.Limits{ReadOnly: []string{"/usr"}, Optional: []supervisor.Limit{supervisor.LimitPaths}} // nothing of /proc can be written
		if _, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "limited", Limits: limits}); err != nil {
			return err
		}
		if _, err := supervisor.StartSubtree(ctx, sup, pairOfNodes, supervisor.Child{Name: "a supervisor with a long name"}); err != nil {
			return err
		}
		command := supervisor.Command{Path: "sleep", Args: []string{"1000"}}
		if _, err := supervisor.StartCommand(ctx, sup, command, supervisor.Child{Name: "database"}); err != nil {
			return err
		}
		show(sup, "")
		fmt.Println("ready")
		<-ctx.Done()
		return nil
	})
}

// show prints the number and the path of each child of sup, which is at path above.
func show(sup *supervisor.Supervisor, above string) {
	for _, c := range sup.Children() {
		fmt.Println(c.PID, c.Name)
		if below, err := sup.Below(strings.TrimPrefix(c.Name, above)); err == nil {
			show(below, c.Name+"/")
		}
	}
}

// TestNames: ps, top and the kernel's words about memory tell the processes of a
// program apart.
func TestNames(t *testing.T) {
	testutil.Audit(t)
	r := startRoot(t, "names")
	want := map[string]string{"left) S 1 (a": "left) S 1 (a", "limited": "limited", "a supervisor with a long name": "a supervisor wi", "database": "database"}
	want["a supervisor with a long name/a"], want["a supervisor with a long name/b"] = "a", "b"
	for r.out.Scan() && r.out.Text() != "ready" {
		pid, child, _ := strings.Cut(r.out.Text(), " ")
		has := func() string {
			b, err := os.ReadFile("/proc/" + pid + "/comm")
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(string(b))
		}
		for begun := time.Now(); has() != want[child]; runtime.Gosched() {
			if time.Since(begun) > testutil.HangGuard {
				t.Fatalf("child %q is called %q, want %q", child, has(), want[child])
			}
		}
		delete(want, child)
	}
	if len(want) > 0 {
		t.Errorf("not seen: %q", want)
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", r.cmd.Process.Pid)); err != nil || !strings.HasPrefix(os.Args[0][strings.LastIndexByte(os.Args[0], '/')+1:], strings.TrimSpace(string(b))) {
		t.Errorf("the root is called %q, %v", b, err)
	}
}
