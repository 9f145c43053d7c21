package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

func init() { programs["never ready"] = neverReadyProgram }

// neverReadyProgram is held up by a child that neither becomes ready nor ends when it
// is asked to.
func neverReadyProgram() {
	dir, _ := filepath.Abs(".")
	command := supervisor.Command{Path: "sh", Args: []string{"-c", `trap "" TERM; echo $$; while :; do sleep 1000; done`},
		Output: os.Stdout, Ready: supervisor.Ready{File: filepath.Join(dir, "never")}}
	supervisor.Spec{Log: quiet, OnEvent: func(e supervisor.Event) { fmt.Println("event", e.Kind, e.Child) }, Children: []supervisor.Child{
		{Actor: node}, {Name: "never", Command: &command, Start: supervisor.Infinity, Shutdown: supervisor.Infinity},
	}}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error { return nil })
}

// TestSecondSignalWhileStarting: a second signal kills everything also when the
// children are still being started: when the program has ended, they have.
func TestSecondSignalWhileStarting(t *testing.T) {
	r := startRoot(t, "never ready")
	var pid int
	signal := func() {
		if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	for r.out.Scan() {
		if n, _ := fmt.Sscan(r.out.Text(), &pid); n == 1 || r.out.Text() == "event stopping never" {
			signal()
		}
	}
	_ = r.cmd.Wait()
	if code := r.cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGINT) || pid == 0 {
		t.Fatalf("code %d, command %d", code, pid)
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("the command lives on: %v", err)
	}
}
