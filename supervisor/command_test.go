package supervisor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// buffer is a writer that can be read at any time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// shell is a command of sh.
func shell(script string, c supervisor.Command) supervisor.Command {
	c.Path, c.Args, c.PassEnv = "sh", []string{"-c", script}, append(c.PassEnv, "PATH")
	return c
}

// TestCommandEnds: how a command ended is told as of a child of ours, and the
// same rules decide.
func TestCommandEnds(t *testing.T) {
	for _, tt := range []struct {
		script string
		kind   supervisor.EventKind
		want   actor.Exit
	}{
		{"exit 0", supervisor.EventGone, actor.Exit{Kind: actor.ExitNormal, Summary: "exit status 0"}},
		{"exit 7", supervisor.EventRestarting, actor.Exit{Kind: actor.ExitCode, Code: 7, Summary: "exit status 7"}},
		{"kill -9 $$", supervisor.EventRestarting, actor.Exit{Kind: actor.ExitSignal, Code: -1, Signal: 9, Summary: "killed by SIGKILL"}},
	} {
		t.Run(tt.script, func(t *testing.T) {
			exits := make(chan actor.Exit, 100)
			var mu sync.Mutex
			var next []supervisor.EventKind
			ctx, sup, _ := newSupOn(t, supervisor.Spec{Intensity: 1}, func(e supervisor.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Kind == supervisor.EventExited {
					exits <- *e.Exit
				}
				if e.Kind == supervisor.EventRestarting || e.Kind == supervisor.EventGone {
					next = append(next, e.Kind)
				}
			})
			_, err := supervisor.StartCommand(ctx, sup, shell("echo $$ to stderr >&2; "+tt.script, supervisor.Command{Output: io.Discard}), supervisor.Child{Restart: supervisor.Transient})
			if err != nil {
				t.Fatal(err)
			}
			x := <-exits
			if x.Kind != tt.want.Kind || x.Code != tt.want.Code || x.Signal != tt.want.Signal || x.Summary != tt.want.Summary ||
				x.MaxRSS == 0 || x.CPU == 0 || !strings.Contains(x.Stderr, fmt.Sprint(x.PID, " to stderr")) {
				t.Fatalf("%+v", x)
			}
			for ctx.Err() == nil {
				mu.Lock()
				seen := len(next) > 0
				mu.Unlock()
				if seen {
					break
				}
			}
			if next[0] != tt.kind {
				t.Fatalf("%q", next)
			}
		})
	}
}

// newSupOn is newSup with one more to hear the events.
func newSupOn(t *testing.T, spec supervisor.Spec, on func(supervisor.Event)) (context.Context, *supervisor.Supervisor, *recorder) {
	t.Helper()
	r := &recorder{}
	spec.OnEvent = func(e supervisor.Event) { r.add(e); on(e) }
	spec.Log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard)
	t.Cleanup(cancel)
	sup, err := supervisor.New(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sup.Shutdown)
	return sup.Context(ctx), sup, r
}

// TestCommandReady: every way of being ready, and none of them before.
func TestCommandReady(t *testing.T) {
	dir := t.TempDir()
	// A port that is free, of an address that no other process listens at meanwhile.
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.1:0", 1+os.Getpid()>>8&127, os.Getpid()&255))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0") // other systems have this one only
	}
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().String()
	l.Close()
	for _, tt := range []struct {
		name   string
		script string
		env    []string
		ready  supervisor.Ready
	}{
		{"runs", "exec sleep 1000", nil, supervisor.Ready{}},
		{"line", "echo one; echo 'now listening on 80' >&2; exec sleep 1000", nil, supervisor.Ready{Line: regexp.MustCompile(`listening on \d+`)}},
		{"file", "touch done; exec sleep 1000", nil, supervisor.Ready{File: "done"}},
		{"notify", `exec "$SELF"`, []string{"SELF=" + os.Args[0], rootVar + "=notify"}, supervisor.Ready{Notify: true}},
		{"port", `exec "$SELF"`, []string{"SELF=" + os.Args[0], rootVar + "=listen " + port}, supervisor.Ready{Port: port}},
		{"exit", "touch task", nil, supervisor.Ready{Exit: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, sup, _ := newSup(t, supervisor.Spec{})
			cmd := shell(tt.script, supervisor.Command{Ready: tt.ready, Dir: dir, Env: tt.env, Output: io.Discard})
			id, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{Restart: supervisor.Temporary})
			if err != nil {
				t.Fatal(err)
			}
			switch tt.name {
			case "exit":
				if _, err := os.Stat(filepath.Join(dir, "task")); err != nil {
					t.Fatal(err)
				}
				return
			case "port":
				c, err := net.Dial("tcp", port)
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
			}
			if err := sup.Terminate(ctx, id); err != nil {
				t.Fatal(err)
			}
		})
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	for _, ready := range []supervisor.Ready{{File: "never"}, {Notify: true}, {Port: port}, {Exit: true}} {
		_, err = supervisor.StartCommand(ctx, sup, shell("exec sleep 1000", supervisor.Command{Ready: ready, Dir: dir}), supervisor.Child{Start: 100 * time.Millisecond, Restart: supervisor.Temporary})
		if se := new(supervisor.StartError); !errors.As(err, &se) || !strings.Contains(err.Error(), "not ready within") {
			t.Fatalf("%+v: %v", ready, err)
		}
	}
	_, err = supervisor.StartCommand(ctx, sup, shell("exit 4", supervisor.Command{Ready: supervisor.Ready{Exit: true}}), supervisor.Child{Restart: supervisor.Temporary})
	if se := new(supervisor.StartError); !errors.As(err, &se) || se.Exit.Code != 4 || strings.Contains(err.Error(), "supervisor.Run") { // it is no program of this library
		t.Fatal(err)
	}
}

// commandProgram is what TestCommandReady runs as a foreign command.
func commandProgram(mode string) {
	if port, ok := strings.CutPrefix(mode, "listen "); ok {
		l, err := net.Listen("tcp", port)
		if err != nil {
			panic(err)
		}
		for {
			if c, err := l.Accept(); err == nil {
				c.Close()
			}
		}
	}
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		panic(err)
	}
	fmt.Fprint(c, "STATUS=up\nREADY=1\n")
	select {}
}

// TestCommandEnvironment: it has what it was given, and nothing else.
func TestCommandEnvironment(t *testing.T) {
	t.Setenv("SECRET", "1")
	t.Setenv("PASSED", "2")
	var out buffer
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	cmd := supervisor.Command{Path: "env", Env: []string{"OWN=3"}, PassEnv: []string{"PASSED", "NOT_THERE"}, Output: &out, Ready: supervisor.Ready{Exit: true}}
	if _, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{Restart: supervisor.Temporary}); err != nil {
		t.Fatal(err)
	}
	sup.Shutdown()
	if got := out.String(); got != "PASSED=2\nOWN=3\n" {
		t.Fatalf("%q", got)
	}
}

// TestCommandStops: it is asked by its signal; when its time is over,
// everything that it has started is killed, daemons included.
func TestCommandStops(t *testing.T) {
	var out buffer
	ctx, sup, r := newSup(t, supervisor.Spec{})
	polite := shell(`trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done`, supervisor.Command{Output: &out, Ready: supervisor.Ready{Line: regexp.MustCompile("^up$")}})
	id, err := supervisor.StartCommand(ctx, sup, polite, supervisor.Child{Name: "polite"})
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, id); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "up\nbye\n" || len(r.kinds(supervisor.EventKilled)) != 0 {
		t.Fatalf("%q, %q", got, r.kinds(supervisor.EventKilled))
	}
	var pids buffer
	rude := shell(`trap '' TERM; setsid sh -c 'sleep 1000 & echo $!'; sleep 1000 & echo $!; echo $$; echo up; wait`,
		supervisor.Command{Output: &pids, Ready: supervisor.Ready{Line: regexp.MustCompile("^up$")}})
	if id, err = supervisor.StartCommand(ctx, sup, rude, supervisor.Child{Name: "rude", Shutdown: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, id); err != nil {
		t.Fatal(err)
	}
	all := numbers(t, pids.String())
	if len(all) != 3 {
		t.Fatalf("%q", pids.String())
	}
	allEnd(t, all)
	if got := r.kinds(supervisor.EventKilled); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	for _, stop := range []syscall.Signal{0, syscall.SIGINT} { // one that does not catch its signal ends as it should
		id, err := supervisor.StartCommand(ctx, sup, shell("exec sleep 1000", supervisor.Command{Stop: stop}), supervisor.Child{Name: fmt.Sprint("frank ", int(stop))})
		if err != nil {
			t.Fatal(err)
		}
		if err := sup.Terminate(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.kinds(supervisor.EventShutdownError); !slices.Equal(got, []string{"shutdown_error rude"}) {
		t.Fatalf("%q", got)
	}
}

func numbers(t *testing.T, text string) (all []int) {
	for f := range strings.FieldsSeq(text) {
		if n, err := strconv.Atoi(f); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// TestSlowReader: a reader that hangs holds up neither the command nor the
// supervisor; what is dropped is counted.
func TestSlowReader(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	t.Run("Output", func(t *testing.T) {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		slowReader(t, ctx, sup, supervisor.Command{Output: hanging{hang}})
	})
	t.Run("Log", func(t *testing.T) {
		ctx, sup, _ := newSup(t, supervisor.Spec{Log: slog.New(slog.NewTextHandler(hanging{hang}, nil))})
		slowReader(t, ctx, sup, supervisor.Command{})
	})
}

func slowReader(t *testing.T, ctx context.Context, sup *supervisor.Supervisor, c supervisor.Command) {
	t.Helper()
	c.Ready = supervisor.Ready{Exit: true}
	cmd := shell(`i=0; while [ $i -lt 300 ]; do head -c 8191 /dev/zero | tr '\0' x; echo; i=$((i+1)); done`, c)
	if _, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{Restart: supervisor.Transient}); err != nil {
		t.Fatal(err)
	}
	for _, c := range sup.Children() {
		if c.Dropped < 100 || c.Dropped > 300 {
			t.Fatalf("%d lines dropped", c.Dropped)
		}
	}
}

type hanging struct{ until chan struct{} }

func (h hanging) Write(b []byte) (int, error) { <-h.until; return len(b), nil }

// commandRoot is a program whose command is daemon-like, to be killed.
func commandRoot(child supervisor.Child) {
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		cmd := shell(`setsid sh -c 'sleep 1000 & echo $!'; sleep 1000 & echo $!; echo $$; echo ready; wait`, supervisor.Command{Output: os.Stdout, PassEnv: []string{"SUPERVISOR_TEST_MARK"}})
		if _, err := supervisor.StartCommand(ctx, sup, cmd, child); err != nil {
			if x := new(supervisor.RefusedError); errors.As(err, &x) {
				fmt.Println("ready")
			}
			return err
		}
		<-ctx.Done()
		return nil
	})
}

// TestKillRootOfCommand: a command ends with the root, its daemons too, also
// when its guardian is killed and when it is stopped.
func TestKillRootOfCommand(t *testing.T) {
	for _, how := range []string{"root", "stopped", "guardian"} {
		t.Run(how, func(t *testing.T) {
			r := startRoot(t, "command")
			pids := r.pids(t, -1)
			if len(pids) != 3 {
				t.Fatal(pids)
			}
			guardian := parentOf(pids[2])
			switch how {
			case "guardian": // the root goes on, and starts it again
				if err := syscall.Kill(guardian, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				allEnd(t, pids)
				pids = r.pids(t, -1)
			case "stopped":
				if err := syscall.Kill(guardian, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			allEnd(t, append(pids, guardian))
		})
	}
}

func parentOf(pid int) (parent int) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	_, _ = fmt.Sscanf(rest, "%s %d", new(string), &parent)
	return parent
}

// TestCommandValidate lists every problem.
func TestCommandValidate(t *testing.T) {
	err := supervisor.Child{InPlace: true, Command: &supervisor.Command{Path: "no-such-program-anywhere", Env: []string{"x"},
		Ready: supervisor.Ready{Exit: true, Notify: true}}}.Validate()
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 5 {
		t.Fatalf("%d problems, want 5:\n%v", n, err)
	}
}

// TestCommandEnvironmentIsItsOwn: a command gets the variables that it is given, and no others:
// none at all if it is given none.
func TestCommandEnvironmentIsItsOwn(t *testing.T) {
	t.Setenv("SUPERVISOR_TEST_SECRET", "secret")
	t.Setenv("SUPERVISOR_TEST_PASSED", "passed")
	for _, c := range []struct {
		command supervisor.Command
		want    string
	}{
		{supervisor.Command{}, ""},
		{supervisor.Command{Env: []string{"A=1"}}, "A=1\n"},
		{supervisor.Command{PassEnv: []string{"SUPERVISOR_TEST_PASSED"}}, "SUPERVISOR_TEST_PASSED=passed\n"},
	} {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		var out bytes.Buffer // read when the command has ended
		c.command.Path, c.command.Output, c.command.Ready.Exit = "env", &out, true
		if _, err := supervisor.StartCommand(ctx, sup, c.command, supervisor.Child{Restart: supervisor.Temporary}); err != nil {
			t.Fatal(err)
		}
		sup.Shutdown()
		if out.String() != c.want {
			t.Errorf("%q %q: its environment is %q", c.command.Env, c.command.PassEnv, out.String())
		}
	}
}
