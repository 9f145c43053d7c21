package testutil

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// HangGuard is how long Expect, Send and Wait wait for the other process before they fail
// the test. It is not part of any test's timing: a test that comes near it is broken.
const HangGuard = 2 * time.Minute

// hangGuard is HangGuard except in this package's own tests.
var hangGuard = HangGuard

// Spec says how a helper is started. The zero value is a helper without
// arguments, files or additional environment.
type Spec struct {
	Args  []string   // arguments: Child.Args
	Files []*os.File // inherited files: Child.File; the caller keeps and closes its own
	Env   []string   // NAME=value, added to the environment of the test
}

// Proc is a helper process seen from the test that started it. Its methods are
// for the goroutine of that test, except Kill, Signal and PID.
type Proc struct {
	t        testing.TB
	name     string
	cmd      *exec.Cmd
	stdin    *os.File // write end
	stdout   *os.File // read end
	lines    *bufio.Reader
	stderr   *os.File // an unlinked file: it is never full, and readable after any death
	liveness *os.File // write end, never written

	exited chan struct{} // closed when the process is reaped
}

var (
	procsMu sync.Mutex
	procs   = make(map[*Proc]bool) // not yet cleaned up
	pids    = make(map[int]int64)  // of every helper ever started, and when, in Unix seconds, for Audit
)

// Start runs the helper of this name in a process of its own. It does not wait for the
// helper to do anything. The process is killed and reaped when the test ends; its stderr
// is shown if the test has failed.
func Start(t testing.TB, name string, spec Spec) *Proc {
	t.Helper()
	if helpers[name] == nil {
		t.Fatalf("testutil: no helper %q: register it with testutil.Helper", name)
	}
	startedMu.Lock()
	started[name] = true
	startedMu.Unlock()

	p := &Proc{t: t, name: name, exited: make(chan struct{})}
	theirs, err := p.open()
	if err == nil {
		err = p.start(spec, theirs)
	}
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		p.close()
		t.Fatalf("testutil: start of helper %q: %v", name, err)
	}
	procsMu.Lock()
	procs[p] = true
	pids[p.PID()] = time.Now().Unix()
	procsMu.Unlock()
	go func() {
		_ = p.cmd.Wait() // the state is in cmd.ProcessState
		close(p.exited)
	}()
	t.Cleanup(p.cleanup)
	return p
}

// open makes the pipes and returns the ends of the other process: stdin,
// stdout, liveness.
func (p *Proc) open() (theirs []*os.File, err error) {
	pipe := func(ours **os.File, write bool) {
		if err != nil {
			return
		}
		var r, w *os.File
		if r, w, err = os.Pipe(); err != nil {
			return
		}
		if !write {
			r, w = w, r
		}
		*ours, theirs = w, append(theirs, r)
	}
	pipe(&p.stdin, true)
	pipe(&p.stdout, false)
	pipe(&p.liveness, true)
	if err != nil {
		return theirs, err
	}
	p.lines = bufio.NewReader(p.stdout)
	if p.stderr, err = os.CreateTemp("", "understudy-stderr-"); err == nil {
		err = os.Remove(p.stderr.Name())
	}
	return theirs, err
}

func (p *Proc) start(spec Spec, theirs []*os.File) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	p.cmd = exec.Command(exe, spec.Args...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1], p.stderr
	p.cmd.ExtraFiles = append([]*os.File{theirs[2]}, spec.Files...)
	p.cmd.Env = append(os.Environ(), spec.Env...)
	p.cmd.Env = append(p.cmd.Env, helperVar+"="+p.name, filesVar+"="+strconv.Itoa(len(spec.Files)))
	return p.cmd.Start()
}

// Expect waits for the next line of the helper and returns what follows prefix in it,
// without surrounding space. A line without the prefix, the end of the helper, and
// HangGuard fail the test.
func (p *Proc) Expect(prefix string) string {
	p.t.Helper()
	_ = p.stdout.SetReadDeadline(time.Now().Add(hangGuard))
	line, err := p.lines.ReadString('\n')
	switch {
	case os.IsTimeout(err):
		p.hang("said nothing; expected " + strconv.Quote(prefix))
	case err != nil:
		p.t.Fatalf("helper %s: expected %q, got %q and then %v", p.name, prefix, line, err)
	}
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), prefix)
	if !ok {
		p.t.Fatalf("helper %s: expected %q, got %q", p.name, prefix, line)
	}
	return strings.TrimSpace(rest)
}

// Send sends one line to the helper, formatted as by fmt.Sprint; see Child.Wait. It fails
// the test if the helper is gone.
func (p *Proc) Send(line ...any) {
	p.t.Helper()
	_ = p.stdin.SetWriteDeadline(time.Now().Add(hangGuard))
	_, err := fmt.Fprintln(p.stdin, fmt.Sprint(line...))
	switch {
	case os.IsTimeout(err):
		p.hang("does not read its input")
	case err != nil:
		p.t.Fatalf("helper %s: send: %v", p.name, err)
	}
}

// PID returns the process id.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// Kill sends SIGKILL. It does not wait for the end; see Wait. It is not an error if the
// process has ended already.
func (p *Proc) Kill() { _ = p.cmd.Process.Kill() }

// Signal sends a signal and fails the test if the process has ended.
func (p *Proc) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Errorf("helper %s: %v: %v", p.name, sig, err)
	}
}

// Wait waits until the process has ended and is reaped, and returns how it ended. It may
// be called more than once.
func (p *Proc) Wait() *os.ProcessState {
	p.t.Helper()
	if !p.exitedWithin(hangGuard) {
		p.hang("does not end")
	}
	return p.cmd.ProcessState
}

// Succeeds is Wait, but fails the test unless the exit status is 0.
func (p *Proc) Succeeds() {
	p.t.Helper()
	if s := p.Wait(); !s.Success() {
		p.t.Errorf("helper %s: %v", p.name, s)
	}
}

// Stderr returns what the helper has written to its stderr so far.
func (p *Proc) Stderr() string {
	b, err := io.ReadAll(io.NewSectionReader(p.stderr, 0, 1<<20))
	if err != nil {
		return "(unreadable: " + err.Error() + ")"
	}
	return string(b)
}

func (p *Proc) exitedWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// hang fails the test. First it makes every helper of the test print the stacks of its
// goroutines to its stderr, which cleanup shows.
func (p *Proc) hang(what string) {
	p.t.Helper()
	procsMu.Lock()
	var all []*Proc
	for q := range procs {
		if q.t == p.t {
			all = append(all, q)
		}
	}
	procsMu.Unlock()
	for _, q := range all {
		_ = q.cmd.Process.Signal(syscall.SIGQUIT)
	}
	for _, q := range all {
		q.exitedWithin(2 * time.Second)
	}
	p.t.Fatalf("helper %s (pid %d) %s for %v", p.name, p.PID(), what, hangGuard)
}

// cleanup kills and reaps the process, and closes its files.
func (p *Proc) cleanup() {
	p.Kill()
	<-p.exited
	if p.t.Failed() {
		if s := p.Stderr(); s != "" {
			p.t.Logf("stderr of helper %s (pid %d, %v):\n%s", p.name, p.PID(), p.cmd.ProcessState, s)
		}
	}
	p.close()
	procsMu.Lock()
	delete(procs, p)
	procsMu.Unlock()
}

func (p *Proc) close() {
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr, p.liveness} {
		if f != nil {
			f.Close()
		}
	}
}
