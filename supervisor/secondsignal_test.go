package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

func init() { programs["stubborn"] = stubbornProgram }

// stubbornProgram does not end when it is asked to. It prints what happens, and the
// numbers of a child, of a daemon of that, of the like below a supervisor's process,
// and of a command.
func stubbornProgram() {
	spec := supervisor.Spec{Intensity: 1000, Log: quiet, OnEvent: func(e supervisor.Event) { fmt.Println("event", e.Kind) }}
	spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Stderr: io.Discard})
		if err != nil {
			return err
		}
		sub, err := supervisor.StartSubtree(ctx, sup, pairOfNodes, supervisor.Child{Stderr: io.Discard})
		if err != nil {
			return err
		}
		below, err := supervisor.Find(sub, node, "a")
		if err != nil {
			return err
		}
		for _, ref := range []actor.Ref[Node]{ref, below} {
			m, err := actor.Ask(ctx, ref, Who{})
			if err != nil {
				return err
			}
			d, err := actor.Ask(ctx, ref, Daemon{})
			if err != nil {
				return err
			}
			fmt.Println(m.PID)
			fmt.Println(d.PID)
		}
		if _, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "in place", InPlace: true}); err != nil {
			return err
		}
		said := make(told, 1)
		command := supervisor.Command{Path: "sh", Args: []string{"-c", `trap "" TERM INT; echo $$; while :; do sleep 1000; done`}, Output: said,
			Ready: supervisor.Ready{Line: regexp.MustCompile("[0-9]")}}
		if _, err := supervisor.StartCommand(ctx, sup, command, supervisor.Child{}); err != nil {
			return err
		}
		<-said
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("asked")
		select {}
	})
}

// told is stdout, for a line of which somebody waits.
type told chan struct{}

func (t told) Write(b []byte) (int, error) {
	defer func() { t <- struct{}{} }()
	return os.Stdout.Write(b)
}

// TestSecondSignal: it kills everything at once, daemons included, and nothing is
// started again. Nothing is left, whatever the mailboxes are made of.
func TestSecondSignal(t *testing.T) {
	testutil.Threads(t, 256)
	for _, queue := range []string{"ring", "sysv"} { // the kernel keeps the latter until they are removed
		t.Run(queue, func(t *testing.T) {
			for _, s := range lane.Probe() {
				if s.Form.Name == queue && s.Err != nil {
					testutil.Refused(t, s.Err)
				}
			}
			ownRegistry(t)
			t.Setenv("UNDERSTUDY_QUEUE", queue)
			testutil.Audit(t)
			secondSignal(t)
		})
	}
}

func secondSignal(t *testing.T) {
	r := startRoot(t, "stubborn")
	var pids []int
	signal := func() {
		if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	asked := false
	for r.out.Scan() {
		line := r.out.Text()
		var pid int
		if n, _ := fmt.Sscan(line, &pid); n == 1 {
			pids = append(pids, pid)
		}
		switch {
		case line == "ready":
			signal()
		case line == "asked":
			asked = true
			signal()
		case asked && line != "event exited":
			t.Errorf("after the second signal: %s", line)
		}
	}
	err := r.cmd.Wait()
	if code := r.cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGINT) || len(pids) != 5 {
		t.Fatal(pids, err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("%d is left", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
