package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/confine"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// KillReason in a Stop frame asks for everything to be killed at once.
const KillReason = "kill"

// guardian is the state of a guardian process.
type guardian struct {
	spec  Spec
	link  transport.Link
	cmd   *exec.Cmd
	ended chan struct{} // closed when the command has been reaped
}

// Serve runs the command of spec until it and everything that it has started have ended.
// lost is called when the root is gone; it does not return.
func Serve(link transport.Link, spec Spec, lost func()) error {
	g := &guardian{spec: spec, link: link, ended: make(chan struct{})}
	signals := make(chan os.Signal, 16)
	for _, sig := range append(forwarded, spec.Forward...) {
		signal.Notify(signals, sig)
	}
	notify, err := g.begin()
	if err != nil {
		g.send(&wire.Failed{Text: err.Error()})
		return err
	}
	go g.commands(lost)
	go g.forward(signals)
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		if g.untilReady(notify) {
			g.send(&wire.Ready{})
		}
	}()
	<-g.ended
	<-ready
	process.EndDescendants()
	g.send(g.report())
	return nil
}

// forwarded are the signals that a guardian always passes on to its command. (The root
// itself asks the guardian over the link, or kills it.)
var forwarded = []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}

// forward passes signals on.
func (g *guardian) forward(signals <-chan os.Signal) {
	for sig := range signals {
		_ = g.cmd.Process.Signal(sig) // it may have ended
	}
}

// begin starts the command on a thread that lives as long as the command: the kernel
// sends the parent-death signal when the thread that made a child ends.
func (g *guardian) begin() (n *notifySocket, err error) {
	env := g.spec.Env
	if g.spec.Ready.Notify {
		if n, err = listenNotify(); err != nil {
			return nil, err
		}
		env = append(env, "NOTIFY_SOCKET="+n.name)
	}
	g.cmd = &exec.Cmd{Path: g.spec.Path, Args: g.spec.Args, Env: env, Dir: g.spec.Dir, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	if g.spec.Limits != nil {
		release, err := g.limit()
		if err != nil {
			return nil, err
		}
		defer release()
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := g.cmd.Start()
		started <- err
		if err == nil {
			_ = g.cmd.Wait()
		}
		close(g.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("command %s: %w", g.spec.Path, err)
	}
	return n, nil
}

// limit makes the command start as a trampoline: this program, which limits itself and
// then becomes the command. release is called when that runs.
func (g *guardian) limit() (release func(), err error) {
	l := *g.spec.Limits
	l.Path, l.Args, l.Env, l.Death = g.cmd.Path, g.cmd.Args, g.cmd.Env, g.cmd.SysProcAttr.Pdeathsig
	report := process.TakeFile(ReportFD, "report")
	env, spec, err := confine.Command(l, 3)
	if err != nil {
		report.Close()
		return nil, err
	}
	g.cmd.Path, g.cmd.Env, g.cmd.ExtraFiles = "/proc/self/exe", []string{env}, []*os.File{spec, report}
	return func() { spec.Close(); report.Close() }, nil
}

func (g *guardian) send(f wire.Frame) { _ = g.link.Send(wire.Append(nil, f), nil) }

// commands carries out what the root asks.
func (g *guardian) commands(lost func()) {
	buf := make([]byte, wire.MaxFrame)
	for {
		n, files, err := g.link.Receive(buf)
		for _, f := range files {
			f.Close()
		}
		if err != nil {
			lost()
			return
		}
		f, err := wire.Parse(buf[:n])
		stop, ok := f.(*wire.Stop)
		switch {
		case err != nil || !ok: // Begin, and what later versions may send
		case stop.Reason == KillReason:
			process.EndDescendants()
		default:
			_ = g.cmd.Process.Signal(g.spec.Stop) // it may have ended
		}
	}
}

// report is the frame that says how the command ended.
func (g *guardian) report() *wire.Ended {
	r := &wire.Ended{Code: -1}
	state := g.cmd.ProcessState
	if state == nil {
		return r
	}
	if os.Getpid() != 1 { // in a PID namespace the number means nothing to the root
		r.PID = int64(state.Pid())
	}
	r.CPU = state.UserTime() + state.SystemTime()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok {
		if ws.Signaled() {
			r.Signal = uint8(ws.Signal())
			if ws.CoreDump() {
				r.Core = 1
			}
		} else {
			r.Code = int64(ws.ExitStatus())
		}
	}
	if ru, ok := state.SysUsage().(*syscall.Rusage); ok {
		r.MaxRSS = uint64(ru.Maxrss) << 10
	}
	return r
}

// lookTime is the pause between two looks for a port or a file.
const lookTime = 10 * time.Millisecond

// untilReady waits until the command is ready. It returns false if the command ends
// before.
func (g *guardian) untilReady(n *notifySocket) bool {
	switch r := g.spec.Ready; {
	case r.Outside:
		return false
	case r.Notify:
		if l := g.spec.Limits; l != nil && l.User != nil {
			n.user = l.User.UID
		}
		return n.wait(g.ended)
	case r.Exit:
		<-g.ended
		return g.cmd.ProcessState != nil && g.cmd.ProcessState.ExitCode() == 0
	case r.Address != "":
		return g.look(func() bool { return accepts(r.Address) })
	case r.File != "":
		return g.look(func() bool { _, err := os.Stat(r.File); return !errors.Is(err, os.ErrNotExist) })
	}
	return true
}

func (g *guardian) look(there func() bool) bool {
	t := time.NewTicker(lookTime)
	defer t.Stop()
	for {
		if there() {
			return true
		}
		select {
		case <-g.ended:
			return false
		case <-t.C:
		}
	}
}
