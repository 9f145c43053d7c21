package supervisor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/confine"
	"github.com/understudy-go/understudy/supervisor/internal/guard"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport/wire"
)

// Command is any other program as a child. It is restarted and stopped by the same
// rules as an actor. It runs below a guardian: this program, started again, which ends
// the command and everything that it has started when the root is gone.
type Command struct {
	// Path is the executable; without a slash it is looked for in PATH.
	Path string

	// Args are its arguments, without its name.
	Args []string

	// Dir is its working directory; "" means this process's.
	Dir string

	// Env is its environment, "KEY=value". Of this process's environment it inherits
	// only the variables whose names PassEnv lists.
	Env     []string
	PassEnv []string

	// Ready says when it is ready; the zero value means as soon as it runs.
	Ready Ready

	// Stop is the signal that asks it to end; 0 means SIGTERM. It may die of it: that
	// is no failure. When Child.Shutdown is over, everything that it has started is
	// killed.
	Stop syscall.Signal

	// Forward lists signals, such as SIGHUP, SIGUSR1 and SIGUSR2, that are passed on
	// to it when the process of its supervisor (the root, or the Subtree that it is
	// in) gets them. They then have no other effect on that process. Only a command
	// that is ready gets them. Its guardian, whose process number is in ChildInfo,
	// always passes on SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH
	// and those in Forward when they are sent to it.
	Forward []syscall.Signal

	// Output gets its stdout and stderr, line by line; nil means that Log gets the
	// lines. A slow Output never holds up the command: lines that find no room are
	// dropped and counted. Its stdin is /dev/null.
	Output io.Writer

	// Log gets the lines if there is no Output; nil means the log of the supervisor.
	Log *slog.Logger
}

// Ready says when a Command is ready. Set at most one field; the zero value means as
// soon as it runs.
type Ready struct {
	Port   string         // host:port accepts a TCP connection
	File   string         // this file exists
	Line   *regexp.Regexp // it has written a line that matches, to stdout or stderr
	Notify bool           // it sends READY=1 by systemd's protocol, sd_notify
	Exit   bool           // it has ended with code 0: a task that is done once
}

// StartCommand starts any other program as the last child of sup. When the program is
// ready, it returns its number, for Terminate, Kill, Context.Monitor and the like. A
// command has no mailbox.
func StartCommand(ctx context.Context, sup *Supervisor, command Command, child Child) (id uint32, err error) {
	child.Command = &command
	return sup.start(ctx, child)
}

func (c *Command) validate(child Child) (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("supervisor: "+format, args...)) }
	if c.Path == "" {
		bad("Command.Path is empty: it must name an executable")
	} else if _, err := exec.LookPath(c.Path); err != nil && !errors.Is(err, exec.ErrDot) {
		bad("Command.Path: %w", err)
	}
	n := 0
	for _, set := range []bool{c.Ready.Port != "", c.Ready.File != "", c.Ready.Line != nil, c.Ready.Notify, c.Ready.Exit} {
		if set {
			n++
		}
	}
	if n > 1 {
		bad("Command.Ready has %d conditions: it may have only one", n)
	}
	if c.Ready.Exit && child.Restart == Permanent {
		bad("Command.Ready.Exit: a task that ends cannot be Permanent; use Transient or Temporary")
	}
	errs = append(errs, c.validateForward()...)
	for _, v := range c.Env {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			bad("Command.Env %q: it must be KEY=value", v)
		}
	}
	if child.Actor != nil || child.Supervisor != nil {
		bad("Command, Actor and Supervisor: a child is one of them")
	}
	if child.InPlace || child.Watchdog != 0 || len(child.Env) > 0 || child.PassEnv != nil || child.Stderr != nil {
		bad("InPlace, Watchdog, Env, PassEnv and Stderr are for actors: see the fields of Command")
	}
	return errs
}

// stop is the signal that asks the command to end.
func (c *Command) stop() syscall.Signal { return cmp.Or(c.Stop, syscall.SIGTERM) }

// guardSpec is what the guardian is told.
func (c *Command) guardSpec() (g guard.Spec, err error) {
	path, err := exec.LookPath(c.Path)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return g, fmt.Errorf("supervisor: command: %w", err)
	}
	g = guard.Spec{Path: path, Args: append([]string{c.Path}, c.Args...), Dir: c.Dir, Stop: c.stop(), Forward: c.Forward, Env: []string{},
		Ready: guard.Ready{Address: c.Ready.Port, File: c.Ready.File, Notify: c.Ready.Notify, Exit: c.Ready.Exit, Outside: c.Ready.Line != nil}}
	if f := g.Ready.File; f != "" && c.Dir != "" && !filepath.IsAbs(f) {
		g.Ready.File = filepath.Join(c.Dir, f)
	}
	for _, name := range c.PassEnv {
		if v, ok := os.LookupEnv(name); ok {
			g.Env = append(g.Env, name+"="+v)
		}
	}
	g.Env = (&exec.Cmd{Env: append(g.Env, c.Env...)}).Environ() // never nil, which would mean this process's whole environment
	return g, nil
}

// launchCommand starts the guardian of a command.
func (s *Supervisor) launchCommand(c *child, addr wire.Addr) (*running, error) {
	spec, err := c.spec.Command.guardSpec()
	if err != nil {
		return nil, err
	}
	var pipe *refusalPipe
	spec.Name = c.name
	if !c.spec.Limits.isZero() {
		if spec.Limits, pipe, err = c.confinement(); err != nil {
			return nil, err
		}
		defer pipe.close()
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("supervisor: command: %w", err)
	}
	f, err := process.Text("command", text)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, b, err := s.pair(addr)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	s.forwards(c.spec.Command)
	r.guard = true
	files := []*os.File{b, s.live.File(), f}
	if pipe != nil {
		files = append(files, pipe.w)
	}
	seen := s.lineSeen(c, r)
	guardian := process.Spec{
		Env: s.environ(nil, []string{roleVar + "=" + guardRole}), Files: files,
		Stdout: s.commandOutput(c, r, "stdout", seen), Stderr: s.commandOutput(c, r, "stderr", seen),
	}
	if proc := c.spec.Limits.procOf(); proc != "" {
		return s.trampoline(c, r, guardian, &confine.Spec{MountProc: proc, Optional: spec.Limits.Optional}, pipe)
	}
	r, err = s.startProcess(c, r, guardian)
	if err == nil && pipe != nil {
		s.hearRefusals(c, r, pipe)
	}
	return r, err
}

// lineSeen returns a function that looks for the line that says that a command is
// ready, in both of its streams, until it is found. It is nil if Ready has no Line.
func (s *Supervisor) lineSeen(c *child, r *running) func(line []byte) (more bool) {
	re := c.spec.Command.Ready.Line
	if re == nil {
		return nil
	}
	var found atomic.Bool
	return func(line []byte) (more bool) {
		if found.Load() {
			return false
		}
		if !re.Match(line) {
			return true
		}
		if found.CompareAndSwap(false, true) {
			s.post(func() { s.frame(r, &wire.Ready{}, nil) })
		}
		return false
	}
}

// environ is the environment of a child: what it inherits from this process, and more.
// pass are the names of the variables that it inherits; nil means all.
func (s *Supervisor) environ(pass, more []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		wanted := pass == nil || slices.Contains(pass, name) || strings.HasPrefix(name, "UNDERSTUDY_") || name == "XDG_RUNTIME_DIR"
		return !wanted || slices.Contains(ownVars, name)
	})
	return (&exec.Cmd{Env: append(env, more...)}).Environ() // keeps the last of several values of a variable; a child would take the first
}

// ownVars concern only systemd and the root.
var ownVars = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}

// commandOutput is where the lines of one stream of a command go.
func (s *Supervisor) commandOutput(c *child, r *running, stream string, seen func([]byte) bool) io.Writer {
	o := c.output(stream, func() *output {
		out, log := c.spec.Command.Output, c.spec.Command.Log
		if log == nil {
			log = s.spec.Log // lines wait in this output's queue, so that that of s.log has room for reports
		}
		return &output{dropped: &c.dropped, emit: func(line []byte) {
			if out != nil {
				_, _ = out.Write(append(line, '\n'))
				return
			}
			log.Info(string(line), "child", c.name, "stream", stream)
		}, lost: func(n uint64) {
			log.Warn("lines of a child were dropped: their reader is too slow", "child", c.name, "stream", stream, "lines", n)
		}}
	})
	r.outputs = append(r.outputs, o)
	return &lines{seen: seen, emit: func(line []byte) { _, _ = o.Write(line) }}
}

// killTime is how long a guardian may take to end everything.
const killTime = time.Second

// guarded replaces the guardian's exit x by that of its command, if that is known.
func (c *child) guarded(x process.Exit) process.Exit {
	if f := c.report; f != nil {
		if f.PID != 0 {
			x.PID = int(f.PID)
		}
		x.Code, x.Signal, x.Core = int(f.Code), syscall.Signal(f.Signal), f.Core == 1
		x.CPU, x.MaxRSS = f.CPU, int64(f.MaxRSS)
		x.Classify(c.spec.Memory)
	}
	return x
}
