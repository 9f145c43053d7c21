package confine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/sandbox"
)

// Resources are the numbers of rlimits.
var Resources = map[string]int{
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE,
	"RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE,
	"RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING, "RLIMIT_STACK": unix.RLIMIT_STACK,
}

// Namespaces are the flags of clone(2) for namespaces.
var Namespaces = map[string]uintptr{
	UserNamespace: unix.CLONE_NEWUSER, PIDNamespace: unix.CLONE_NEWPID, NetNamespace: unix.CLONE_NEWNET,
	IPCNamespace: unix.CLONE_NEWIPC, MountNamespace: unix.CLONE_NEWNS,
}

// errnoOf finds the system's error in err.
func errnoOf(err error) unix.Errno {
	var n unix.Errno
	errors.As(err, &n)
	return n
}

// newRefusal makes the report of err.
func newRefusal(limit, value string, err error, remedy string) Refusal {
	return Refusal{Limit: limit, Value: value, Text: fmt.Sprint(err), Errno: errnoOf(err), Remedy: remedy}
}

// step is one limit: its name, the requested value, and how it is set.
type step struct {
	limit, value, remedy string
	do                   func() error
}

// apply sets the limits of this thread and process, and reports what was refused. It
// stops at the first refused limit that is not optional.
func (s *Spec) apply() (refused []Refusal, ok bool) {
	if s.MountProc != "" { // before /proc is opened as one of the paths
		steps := []step{{MountNamespace, "/proc", "to mount it needs CAP_SYS_ADMIN in the namespace", s.mountProc}}
		if refused, ok = s.take(nil, steps); !ok {
			return refused, false
		}
	}
	rules, more, ok := s.rules()
	if rules != nil {
		defer rules.Close()
	}
	if refused = append(refused, more...); !ok {
		return refused, false
	}
	return s.take(refused, s.steps(rules))
}

// take takes the steps until one fails that is not optional.
func (s *Spec) take(refused []Refusal, steps []step) ([]Refusal, bool) {
	for _, step := range steps {
		if err := step.do(); err != nil {
			r := newRefusal(step.limit, step.value, err, step.remedy)
			r.Fatal = !slices.Contains(s.Optional, step.limit)
			refused = append(refused, r)
			if r.Fatal {
				return refused, false
			}
		}
	}
	return refused, true
}

// steps are ordered so that none removes the right to take the next: what needs
// privilege, then the user, then what may be opened, then what may be called.
func (s *Spec) steps(rules *sandbox.Rules) (steps []step) {
	add := func(limit, value, remedy string, do func() error) {
		steps = append(steps, step{limit, value, remedy, do})
	}
	if v := s.OOMScore; v != nil {
		add(OOMScore, strconv.Itoa(*v), "a lower score than this process has needs CAP_SYS_RESOURCE", func() error { return setOOMScore(*v) })
	}
	if v := s.Nice; v != nil {
		add(Nice, strconv.Itoa(*v), "a lower value than this process has needs CAP_SYS_NICE or RLIMIT_NICE",
			func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, *v) })
	}
	for _, l := range s.Rlimits {
		add(l.Name, strconv.FormatUint(l.Value, 10), fmt.Sprintf("the hard limit here is %s, and to exceed it needs CAP_SYS_RESOURCE: ask for less, or raise it where this program is started", hardLimit(l.Resource)),
			func() error { return setRlimit(l) })
	}
	if u := s.User; u != nil {
		add(UserID, fmt.Sprintf("%d:%d", u.UID, u.GID), "another user needs CAP_SETUID and CAP_SETGID: run the program as root", func() error { return s.becomeUser() })
	}
	if s.NoNewPrivs || rules != nil || s.Deny != nil {
		add(NoNewPrivs, "1", "it needs Linux 3.5", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
	}
	if rules != nil {
		add(Landlock, s.pathsText(), "it needs Linux 5.13, lsm=landlock at boot, and a container that allows it", rules.Restrict)
	}
	if s.Deny != nil {
		now, _ := s.split()
		add(Seccomp, fmt.Sprintf("%d system calls", len(s.Deny)), "it needs a kernel with CONFIG_SECCOMP_FILTER, and a container that allows it",
			func() error { return sandbox.Deny(now, false) })
	}
	return steps
}

// rules opens the paths before this process changes its user. This shows whether the
// kernel can enforce all of them.
func (s *Spec) rules() (rules *sandbox.Rules, refused []Refusal, ok bool) {
	if s.Paths == nil {
		return nil, nil, true
	}
	rules, err := sandbox.Paths{
		ReadOnly:  append(s.Paths.ReadOnly, s.always()...),
		ReadWrite: s.Paths.ReadWrite,
		Files:     []string{os.DevNull},
	}.Open()
	if err == nil {
		return rules, nil, true
	}
	remedy := "it needs Linux 5.13, lsm=landlock at boot, and a container that allows it"
	switch abi := new(sandbox.ABIError); {
	case errors.As(err, &abi):
		remedy = "use a newer kernel"
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EACCES):
		remedy = "list paths that exist and can be reached"
	}
	r := newRefusal(Landlock, s.pathsText(), err, remedy)
	r.Fatal = !slices.Contains(s.Optional, Landlock)
	return rules, []Refusal{r}, !r.Fatal
}

// always are paths that a child must be able to read: /proc, where it finds the
// descendants that it has to end, and the program's own file, to execute it.
func (s *Spec) always() []string {
	if s.Path == "" {
		return []string{"/proc", "/proc/self/exe"}
	}
	return []string{"/proc"}
}

func (s *Spec) pathsText() string {
	return fmt.Sprintf("read-only %q, read-write %q", s.Paths.ReadOnly, s.Paths.ReadWrite)
}

// split separates the calls that can be denied at once from execve, which the trampoline
// still needs, and from what the child then needs to deny that.
func (s *Spec) split() (now, late []uint32) {
	if s.Path != "" || !slices.Contains(s.Deny, unix.SYS_EXECVE) {
		return s.Deny, nil
	}
	for _, n := range s.Deny {
		if n == unix.SYS_EXECVE || n == unix.SYS_SECCOMP {
			late = append(late, n)
		} else {
			now = append(now, n)
		}
	}
	return now, late
}

func setOOMScore(v int) error {
	return os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(v)), 0)
}

func setRlimit(l Rlimit) error {
	return unix.Setrlimit(l.Resource, &unix.Rlimit{Cur: l.Value, Max: l.Value})
}

func hardLimit(resource int) string {
	var r unix.Rlimit
	if err := unix.Getrlimit(resource, &r); err != nil {
		return "unknown"
	}
	if r.Max == unix.RLIM_INFINITY {
		return "none"
	}
	return strconv.FormatUint(r.Max, 10)
}

// becomeUser changes all ids of all threads. The kernel then forgets the parent-death
// signal, so it is set again; if the parent has died in between, no signal has come.
func (s *Spec) becomeUser() error {
	u := s.User
	parent := unix.Getppid()
	if err := unix.Setgroups(u.Groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := unix.Setresgid(u.GID, u.GID, u.GID); err != nil {
		return fmt.Errorf("setresgid: %w", err)
	}
	if err := unix.Setresuid(u.UID, u.UID, u.UID); err != nil {
		return fmt.Errorf("setresuid: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s.Death), 0, 0, 0); err != nil {
		return fmt.Errorf("parent-death signal: %w", err)
	}
	if unix.Getppid() != parent {
		os.Exit(1)
	}
	return nil
}

// mountProc makes /proc show the processes of this PID namespace, only in this mount
// namespace. If this process has no namespaces of its own, because they were optional and
// refused, it does nothing.
func (s *Spec) mountProc() error {
	if unix.Getpid() != 1 || MountID() == s.MountProc {
		return nil
	}
	defer dropAmbient()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// dropAmbient gives up the capability that the mount needed, as of the next execve.
func dropAmbient() { _ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) }

// MountID is the identity of this process's mount namespace.
func MountID() string {
	id, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return "unknown"
	}
	return id
}

// lateText and parseLate carry numbers through the environment.
func lateText(nrs []uint32) string {
	var b strings.Builder
	for i, n := range nrs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	}
	return b.String()
}

func parseLate(text string) (nrs []uint32, err error) {
	for f := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, err
		}
		nrs = append(nrs, uint32(n))
	}
	return nrs, nil
}
