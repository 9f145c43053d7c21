package supervisor_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// rootProgram is a program whose root is killed by TestKillRoot.
func rootProgram(children int) {
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		for i := range children {
			ref, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: fmt.Sprint(i)})
			if err != nil {
				return err
			}
			m, err := actor.Ask(ctx, ref, Who{})
			if err != nil {
				return err
			}
			f, err := actor.Ask(ctx, ref, Fork{})
			if err != nil {
				return err
			}
			fmt.Println(m.PID)
			fmt.Println(f.PID)
		}
		fmt.Println("ready")
		<-ctx.Done()
		return nil
	})
}

// TestKillRoot: after SIGKILL of the root nothing of the tree is left, stopped
// children and grandchildren included.
func TestKillRoot(t *testing.T) {
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), rootVar+"=5")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var pids []int
		for sc := bufio.NewScanner(out); sc.Scan() && sc.Text() != "ready"; {
			pid, err := strconv.Atoi(sc.Text())
			if err != nil {
				t.Fatal(sc.Text())
			}
			pids = append(pids, pid)
		}
		if len(pids) != 10 {
			t.Fatal(pids)
		}
		if round == 1 { // one child cannot even look
			if err := syscall.Kill(pids[4], syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		for slices.ContainsFunc(pids, alive) {
			if time.Since(begin) > 5*time.Second {
				left := slices.DeleteFunc(slices.Clone(pids), func(p int) bool { return !alive(p) })
				st, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", left[0]))
				t.Fatalf("round %d: left alive: %v of %v\n%s", round, left, pids, st)
			}
		}
		t.Logf("round %d: all ended %v after the kill", round, time.Since(begin).Round(time.Millisecond))
	}
}
