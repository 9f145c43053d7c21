package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/poll"
)

// Starter starts processes from one thread that lives as long as the Starter: the kernel
// sends a child's parent-death signal when the thread that made it ends, not the process.
type Starter struct {
	jobs    chan func()
	quit    chan struct{}
	once    sync.Once
	changed chan os.Signal // a child may have stopped

	mu    sync.Mutex
	alive map[*Process]struct{}
}

// NewStarter starts the thread. Descriptors that this process itself was started with are
// closed in the processes that it starts from now on, since they are not meant for these.
func NewStarter() *Starter {
	_ = unix.CloseRange(3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC) // before Linux 5.11 they stay open
	s := &Starter{jobs: make(chan func()), quit: make(chan struct{}), changed: make(chan os.Signal, 1), alive: map[*Process]struct{}{}}
	s.watchStops()
	holdOOM()
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range s.jobs {
			f()
		}
	}()
	return s
}

// Close ends the thread, so that live children get a SIGCONT.
func (s *Starter) Close() {
	s.once.Do(func() {
		close(s.jobs)
		close(s.quit)
		leaveOOM()
	})
}

// Process is a child process.
type Process struct {
	pid   int
	pidfd *os.File
	Ending
	stderr *drain
	stdout *drain // or nil
	memory uint64
	start  time.Time
	exit   *Exit // nil until it has ended

	refused *NamespaceError

	oom    oomMark
	onStop func(bool)

	mu      sync.Mutex
	watch   *poll.Watch // of pidfd
	killed  bool        // by KillGroup
	stopped bool        // by a signal
	reaped  bool
}

// Start starts a process in its own group. It fails with a *StartError.
func (s *Starter) Start(spec Spec) (p *Process, err error) {
	done := make(chan struct{})
	s.jobs <- func() {
		defer close(done)
		p, err = start(spec)
	}
	<-done
	if err == nil {
		s.mu.Lock()
		s.alive[p] = struct{}{}
		s.mu.Unlock()
		s.lookSoon() // it may have stopped before
		p.atDeath(func() {
			p.wait()
			s.mu.Lock()
			delete(s.alive, p)
			s.mu.Unlock()
			p.Come()
		})
	}
	return p, err
}

func start(spec Spec) (*Process, error) {
	p := &Process{memory: spec.MemoryBytes, onStop: spec.OnStop}
	stderr, w, err := drainedPipe("stderr", spec.Stderr)
	if err != nil {
		return nil, startError(spec.Path, "make a pipe for stderr", err)
	}
	defer unix.Close(w) // if the child does not start, this ends the draining
	p.stderr = stderr
	env := spec.Env
	if spec.MemoryBytes > 0 {
		env = slices.DeleteFunc(slices.Clone(env), func(s string) bool { return strings.HasPrefix(s, "GOMEMLIMIT=") })
		env = append(env, fmt.Sprintf("GOMEMLIMIT=%d", spec.MemoryBytes/10*8))
	}
	// A child gets no input. It is in its own group, so reading the terminal would stop it
	// with SIGTTIN.
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, startError(spec.Path, "open "+os.DevNull, err)
	}
	defer unix.Close(null)
	fds := []uintptr{uintptr(null), 1, uintptr(w)}
	if spec.Stdout != nil {
		out, ow, err := drainedPipe("stdout", spec.Stdout)
		if err != nil {
			return nil, startError(spec.Path, "make a pipe for stdout", err)
		}
		defer unix.Close(ow)
		p.stdout, fds[1] = out, uintptr(ow)
	}
	for _, f := range spec.Files {
		fds = append(fds, rawFD(f))
	}
	p.start = time.Now()
	pid, pidfd, refused, err := fork(spec, env, fds)
	runtime.KeepAlive(spec.Files)
	if err != nil {
		return nil, err
	}
	p.pid, p.oom, p.refused = pid, markOOM(), refused
	if spec.MemoryBytes > 0 {
		limit := dataLimit(spec)
		if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil); err != nil {
			_ = unix.Kill(-pid, unix.SIGKILL)
			_, _ = unix.Wait4(pid, nil, 0, nil)
			if pidfd >= 0 {
				unix.Close(pidfd)
			}
			return nil, startError(spec.Path, "set RLIMIT_DATA", dataError(limit.Max, err))
		}
	}
	if pidfd >= 0 {
		p.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
		_ = unix.SetNonblock(pidfd, true) // for the poller of a process that gets it; this process watches it in another way
	}
	return p, nil
}

// drainedPipe makes a pipe from a child that is drained until its last writer closes it.
// The child's end is a bare descriptor, closed here at once, and not in this process's
// poller.
func drainedPipe(name string, to io.Writer) (d *drain, w int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, err
	}
	f := os.NewFile(uintptr(p[0]), name)
	_, _ = unix.FcntlInt(uintptr(p[0]), unix.F_SETFL, unix.O_RDONLY|unix.O_NONBLOCK)
	if d, err = newDrain(f, to); err != nil {
		f.Close()
		unix.Close(p[1])
		return nil, -1, err
	}
	return d, p[1], nil
}

// atDeath calls f in a goroutine when the process has died. Without a pidfd, before Linux
// 5.4, or if it cannot be watched, a thread waits.
func (p *Process) atDeath(f func()) {
	if p.pidfd != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if raw, err := p.pidfd.SyscallConn(); err == nil {
			if p.watch, err = poll.Start(raw, func() { go f() }); err == nil {
				return
			}
		}
	}
	go f()
}

// fork makes the process, if necessary without optional namespaces: then refused says
// why.
func fork(spec Spec, env []string, fds []uintptr) (pid, pidfd int, refused *NamespaceError, err error) {
	pidfd = -1
	try := func(namespaces uintptr) {
		pid, err = syscall.ForkExec(spec.Path, spec.Args, &syscall.ProcAttr{
			Env:   env,
			Files: fds,
			Sys:   inNamespaces(namespaces, &syscall.SysProcAttr{Setpgid: true, Pdeathsig: DeathSignal, PidFD: &pidfd}),
		})
	}
	try(spec.Namespaces)
	if err == nil {
		return pid, pidfd, nil, nil
	}
	if ours := spec.Namespaces & spec.Optional; ours != 0 && ofNamespaces(err) {
		refused = &NamespaceError{ours, err}
		try(spec.Namespaces &^ spec.Optional)
	}
	if err != nil && spec.Namespaces != 0 && ofNamespaces(err) {
		err = &NamespaceError{spec.Namespaces &^ spec.Optional, err}
	} else if err != nil {
		err = startError(spec.Path, opExec, err)
	}
	return pid, pidfd, refused, err
}

// rawFD is the descriptor of f without making it blocking, as Fd would.
func rawFD(f *os.File) (fd uintptr) {
	c, err := f.SyscallConn()
	if err != nil {
		return ^uintptr(0)
	}
	_ = c.Control(func(x uintptr) { fd = x })
	return fd
}

const opExec = "exec"

func startError(path, op string, err error) error {
	e := &StartError{Path: path, Op: op, Err: err}
	l := (*transport.LimitError)(nil)
	switch {
	case errors.As(Limited(op, err), &l):
		e.Err, e.Remedy = l, l.Remedy
	case op != opExec: // the remedies below concern the program's file
	case errors.Is(err, syscall.E2BIG):
		e.Remedy = "its arguments and its environment are too large: pass on only a part of the environment (Child.PassEnv), or raise ulimit -s (LimitSTACK=), of which they may take a quarter"
	case errors.Is(err, syscall.ENOENT):
		e.Remedy = "the program's file is gone: it must stay as long as children are restarted"
	case errors.Is(err, syscall.ETXTBSY):
		e.Remedy = "the program's file is being written: replace it by a rename"
	case errors.Is(err, syscall.EACCES):
		e.Remedy = "the program's file, or its file system, does not allow execution"
	}
	return e
}

// wait waits for the death, unless it has come, kills what is left of the group, and
// reaps.
func (p *Process) wait() {
	zombie(p.pid)
	// Now the leader is a zombie, so its number cannot belong to another process.
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	EndOrphans() // what had left the group is now a child of this process, if it takes orphans
	p.mu.Lock()
	var status unix.WaitStatus
	var usage unix.Rusage
	for {
		_, err := unix.Wait4(p.pid, &status, 0, &usage)
		if err != unix.EINTR {
			break
		}
	}
	p.reaped = true
	killed := p.killed
	if p.watch != nil {
		p.watch.Stop()
	}
	if p.pidfd != nil {
		p.pidfd.Close()
	}
	p.mu.Unlock()
	x := &Exit{
		PID: p.pid, Code: -1, Runtime: time.Since(p.start),
		CPU:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		MaxRSS: usage.Maxrss << 10,
	}
	x.Stderr, x.Stack = p.stderr.finish()
	if p.stdout != nil {
		p.stdout.finish()
	}
	if status.Signaled() {
		x.Signal, x.Core = status.Signal(), status.CoreDump()
	} else {
		x.Code = status.ExitStatus()
	}
	c := circumstances{memory: p.memory, killed: killed}
	if x.Signal == unix.SIGKILL && !killed {
		c.oom = p.oom.since()
	}
	x.classify(c)
	p.exit = x
}

// zombie returns when a child has died, without reaping it.
func zombie(pid int) {
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			return
		}
	}
}

// PID is the number of the process, and of its group.
func (p *Process) PID() int { return p.pid }

// Refused says why the process is not in its optional namespaces; nil if it is.
func (p *Process) Refused() *NamespaceError { return p.refused }

// Exit says how the process ended. It is valid when the Ending has come, which is when
// the process has been reaped and its group killed.
func (p *Process) Exit() Exit { return *p.exit }

// Said is the number of bytes read so far from the process's stderr.
func (p *Process) Said() int64 {
	p.stderr.mu.Lock()
	defer p.stderr.mu.Unlock()
	return p.stderr.said
}

// Alive says whether the process has not died yet. One that has died is over later, when
// it has been reaped.
func (p *Process) Alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.reaped && isChild(unix.P_PID, p.pid, unix.WSTOPPED)
}

// Signal sends a signal to the process, or fails with ErrDone.
func (p *Process) Signal(sig syscall.Signal) error { return p.kill(p.pid, sig) }

// KillGroup kills the process and its group.
func (p *Process) KillGroup() error { return p.kill(-p.pid, unix.SIGKILL) }

// kill cannot hit another process: until the reaping, which takes the lock, the number
// belongs to the child.
func (p *Process) kill(pid int, sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return ErrDone
	}
	p.killed = p.killed || sig == unix.SIGKILL
	if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
		return fmt.Errorf("process %d: %v: %w", p.pid, sig, err)
	}
	return nil
}

// IsSocket says whether fd is a socket.
func IsSocket(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK
}

// TakeFile makes a File from a descriptor that this process was started with, so that
// its own children do not inherit it.
func TakeFile(fd int, name string) *os.File {
	unix.CloseOnExec(fd)
	_ = unix.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), name)
}

// KillOwnGroup ends this process and everything in its group at once. It does
// not return.
func KillOwnGroup() {
	if unix.Getpid() == 1 { // of a PID namespace: its own signals do not affect it, and its end ends all others
		os.Exit(1)
	}
	if unix.Getpgrp() == unix.Getpid() {
		_ = unix.Kill(0, unix.SIGKILL)
	}
	_ = unix.Kill(unix.Getpid(), unix.SIGKILL)
	select {}
}
