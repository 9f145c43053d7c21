package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/understudy-go/understudy/supervisor/internal/confine"
	"github.com/understudy-go/understudy/transport/sandbox"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Limits restrict what the process of a child may use and do; the zero value limits
// nothing. They are in force before its main runs, for all its threads and all
// processes that it starts. To set them, the program is started first, limits itself,
// and then executes the child, which costs a few milliseconds at each start of a child
// with Limits (docs/performance.md has figures). SECURITY.md says what each limit
// protects from.
//
// If the machine refuses a limit, the start fails with a *RefusedError, unless the
// limit is in Optional: then the child runs without it, and there is an EventRefused.
type Limits struct {
	// Resources are rlimits; each value, in the limit's own unit, becomes both the
	// soft and the hard limit. 0 is a value like any other. Values up to this
	// process's hard limit need no privilege.
	Resources map[Limit]uint64

	// Nice is the scheduling priority, from -20 to 19; nil means this process's. A
	// value below this process's needs privilege.
	Nice *int

	// OOMScore is oom_score_adj, from -1000 to 1000: the kernel kills processes with
	// high scores first when memory runs out. nil means this process's; a lower one
	// needs privilege.
	OOMScore *int

	// NoNewPrivs says that no execve gives the child more rights than it has:
	// set-uid bits and file capabilities mean nothing to it. ReadOnly,
	// ReadWrite and DenyCalls imply it.
	NoNewPrivs bool

	// ReadOnly and ReadWrite are absolute paths. If there are any, the child can
	// open nothing else (Landlock version 3, Linux 6.2): it may read, list and
	// execute what is in ReadOnly, and do anything with what is in ReadWrite. A
	// directory stands for everything below it. /proc, /dev/null and the program's
	// own file are always allowed; a dynamically linked program needs its libraries,
	// and a Command its file. If UNDERSTUDY_SEGMENT chooses a form of segment that
	// makes files (shm in /dev/shm, file in TMPDIR), that directory must be in
	// ReadWrite.
	ReadOnly, ReadWrite []string

	// DenyCalls are system calls that fail with EPERM, by the kernel's names or
	// by numbers (seccomp; amd64 and arm64). io_uring_setup is then denied as well,
	// and so are all calls with another architecture's numbers. A name that only
	// another architecture has is ignored. A Command must be allowed execve; an actor
	// clone, recvmsg, sendmsg and, with the default form of segments, memfd_create.
	DenyCalls []string

	// User is the user that the child runs as; nil means this process's user. It
	// needs privilege. The program's file must be executable by that user.
	User *User

	// Namespaces lists the namespaces that the child gets for itself: NamespacePID
	// and so on; see the constants. They need privilege, or NamespaceUser beside
	// them; containers often refuse them all. A Command's guardian is in them too.
	Namespaces []Limit

	// Optional lists limits that the machine may refuse: keys of Resources,
	// LimitNice and so on.
	Optional []Limit
}

// User is the user and group of a process, with its supplementary groups.
type User struct {
	UID, GID int
	Groups   []int
}

// Limit names a limit.
type Limit string

// The rlimits, with their units.
const (
	LimitAddressSpace Limit = "RLIMIT_AS"         // bytes; the Go runtime reserves much: prefer Child.Memory
	LimitCore         Limit = "RLIMIT_CORE"       // bytes of a core file; 0: none
	LimitCPU          Limit = "RLIMIT_CPU"        // seconds of processor time; then the kernel kills it
	LimitFileSize     Limit = "RLIMIT_FSIZE"      // bytes of a file that it writes; shared segments count: with default mailboxes an actor needs 2 MiB
	LimitLocked       Limit = "RLIMIT_MEMLOCK"    // bytes of locked memory
	LimitQueues       Limit = "RLIMIT_MSGQUEUE"   // bytes of POSIX queues, of the user
	LimitOpenFiles    Limit = "RLIMIT_NOFILE"     // one more than the highest descriptor
	LimitProcesses    Limit = "RLIMIT_NPROC"      // processes and threads, of the user; root is exempt
	LimitSignals      Limit = "RLIMIT_SIGPENDING" // queued signals, of the user
	LimitStack        Limit = "RLIMIT_STACK"      // bytes of the main thread's stack
)

// The names of the other limits, for Optional and errors.
const (
	LimitNice       Limit = confine.Nice
	LimitOOMScore   Limit = confine.OOMScore
	LimitNoNewPrivs Limit = confine.NoNewPrivs
	LimitPaths      Limit = confine.Landlock // ReadOnly and ReadWrite
	LimitCalls      Limit = confine.Seccomp  // DenyCalls
	LimitUser       Limit = confine.UserID
)

// The namespaces, for Limits.Namespaces.
const (
	// NamespaceUser: the child keeps its user number but, even as root, has no rights
	// over anything outside. It cannot be combined with User.
	NamespaceUser Limit = confine.UserNamespace

	// NamespacePID: the child is process 1 and sees no other processes; with
	// NamespaceMount, /proc shows none either. The kernel ends everything that it has
	// started together with it, in whatever group or session, even when it and all
	// other processes of the program are killed in the same instant. Of a Command, the
	// guardian is process 1.
	NamespacePID Limit = confine.PIDNamespace

	// NamespaceNet: the child has no network except a loopback device that is down.
	// Its mailbox works as usual.
	NamespaceNet Limit = confine.NetNamespace

	// NamespaceIPC: the child has its own System V objects and names of POSIX queues.
	// Queues and segments of the form "sysv" do not reach it: its mailbox, and those
	// that it sends to, must have other forms.
	NamespaceIPC Limit = confine.IPCNamespace

	// NamespaceMount: nobody else sees what the child mounts.
	NamespaceMount Limit = confine.MountNamespace
)

var namespaces = []Limit{NamespaceUser, NamespacePID, NamespaceNet, NamespaceIPC, NamespaceMount}

// minOpenFiles is the smallest LimitOpenFiles: a process has a few descriptors
// before it does anything.
const minOpenFiles = 32

// optional lists what Limits.Optional may name.
var optional = []Limit{LimitNice, LimitOOMScore, LimitNoNewPrivs, LimitPaths, LimitCalls, LimitUser}

// RefusedError says that the machine refuses a limit of a child, and what to do
// about it.
type RefusedError struct {
	Limit  Limit
	Value  string // the requested value
	Remedy string
	Err    error // the system's
}

func (e *RefusedError) Error() string {
	s := fmt.Sprintf("limit %s %s: %v", e.Limit, e.Value, e.Err)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Unwrap returns the system's error.
func (e *RefusedError) Unwrap() error { return e.Err }

// isZero says whether nothing is limited.
func (l Limits) isZero() bool {
	l.Optional = nil
	return reflect.ValueOf(l).IsZero()
}

// listOf lists limits for people.
func listOf(limits ...[]Limit) string {
	var names []string
	for _, l := range slices.Concat(limits...) {
		names = append(names, string(l))
	}
	return strings.Join(names, ", ")
}

// Validate lists every problem of l.
func (l Limits) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("supervisor: Limits."+format, args...))
	}
	for name, v := range l.Resources {
		if !slices.Contains(resources, name) {
			bad("Resources has %q: it must be one of %s", name, listOf(resources))
		}
		if name == LimitOpenFiles && v < minOpenFiles {
			bad("Resources has %s of %d: a process needs at least %d", name, v, minOpenFiles)
		}
	}
	if l.Nice != nil && (*l.Nice < -20 || *l.Nice > 19) {
		bad("Nice %d: it must be between -20 and 19", *l.Nice)
	}
	if l.OOMScore != nil && (*l.OOMScore < -1000 || *l.OOMScore > 1000) {
		bad("OOMScore %d: it must be between -1000 and 1000", *l.OOMScore)
	}
	for _, path := range slices.Concat(l.ReadOnly, l.ReadWrite) {
		if !filepath.IsAbs(path) {
			bad("ReadOnly and ReadWrite have %q: a path must be absolute", path)
		}
	}
	if _, err := sandbox.Numbers(l.DenyCalls); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		bad("DenyCalls: %w", err)
	}
	if u := l.User; u != nil && (u.UID < 0 || u.GID < 0 || slices.ContainsFunc(u.Groups, func(g int) bool { return g < 0 })) {
		bad("User has a negative number")
	}
	for _, n := range l.Namespaces {
		if !slices.Contains(namespaces, n) {
			bad("Namespaces has %q: it must be one of %s", n, listOf(namespaces))
		}
	}
	if l.User != nil && slices.Contains(l.Namespaces, NamespaceUser) {
		bad("User and NamespaceUser: in its own user namespace a child cannot change its user")
	}
	for _, o := range l.Optional {
		if !slices.Contains(optional, o) && !slices.Contains(resources, o) && !slices.Contains(namespaces, o) {
			bad("Optional has %q: it must be one of %s", o, listOf(optional, resources, namespaces))
		}
	}
	return errors.Join(errs...)
}

// resources are the rlimits, in order.
var resources = []Limit{LimitAddressSpace, LimitCore, LimitCPU, LimitFileSize, LimitLocked, LimitQueues, LimitOpenFiles, LimitProcesses, LimitSignals, LimitStack}

// validateLimits lists conflicts between c's Limits and its other fields.
func (c Child) validateLimits() (errs []error) {
	if err := c.Limits.Validate(); err != nil {
		errs = append(errs, err)
	}
	if c.InPlace && !c.Limits.isZero() {
		errs = append(errs, errors.New("supervisor: Limits cannot limit a child that runs in place"))
	}
	if c.Supervisor != nil && !c.Limits.isZero() {
		errs = append(errs, errors.New("supervisor: Limits are for actors and commands: set them for the supervisor's children"))
	}
	if c.Subtree != nil && slices.Contains(c.Limits.Namespaces, NamespacePID) {
		errs = append(errs, errors.New("supervisor: Limits.Namespaces has NamespacePID: a Subtree and the root must know processes by the same numbers"))
	}
	if c.Command != nil && c.Limits.denies("execve") {
		errs = append(errs, errors.New("supervisor: Limits.DenyCalls has execve, which starts the Command"))
	}
	if c.Command == nil {
		for _, call := range actorCalls() {
			if c.Limits.denies(call) {
				errs = append(errs, fmt.Errorf("supervisor: Limits.DenyCalls has %s, without which no actor runs", call))
			}
		}
	}
	stranger := c.Limits.User != nil && c.Limits.User.UID != os.Geteuid()
	if stranger || slices.Contains(c.Limits.Namespaces, NamespaceIPC) {
		if what := c.sysv(); what != "" {
			errs = append(errs, fmt.Errorf(`supervisor: Limits has User or NamespaceIPC: a %s of the form "sysv" does not reach such a child: choose another`, what))
		}
	}
	return errs
}

// actorCalls lists the calls whose refusal a Go program, its control link or its mailbox
// would not survive, or only at the first message.
func actorCalls() []string {
	calls := []string{"clone", "recvmsg", "sendmsg"}
	if segment.Sealed() {
		calls = append(calls, "memfd_create")
	}
	return calls
}

// denies says whether l denies a system call.
func (l Limits) denies(call string) bool {
	one, _ := sandbox.Numbers([]string{call})
	all, err := sandbox.Numbers(l.DenyCalls)
	return err == nil && len(one) == 1 && slices.Contains(all, one[0])
}

// sysv says which part of a child's mailbox is a System V object, if any. Such objects
// belong to a user and an IPC namespace, and cannot be passed on as descriptors.
func (c Child) sysv() string {
	m := c.withDefaults().Mailbox
	if c.Subtree != nil { // only its own process knows its actors
		m.Queue = os.Getenv(queueVar)
	}
	blocks := m.Segment
	if f, err := segment.ParseForm(blocks); err == nil && f == segment.FormAuto {
		blocks = os.Getenv(segment.Variable)
	}
	switch {
	case c.Command != nil || c.Supervisor != nil:
		return ""
	case m.Wire().Queue == wire.QueueSysv:
		return "queue"
	case blocks == segment.FormSysV.String():
		return "segment"
	}
	return ""
}

// flags returns the namespaces of list as flags of clone(2).
func flags(list []Limit) (f uintptr) {
	for _, n := range list {
		f |= confine.Namespaces[string(n)]
	}
	return f
}

// procOf is this process's mount namespace if the child has to mount /proc in another
// one, and otherwise "".
func (l Limits) procOf() string {
	if slices.Contains(l.Namespaces, NamespacePID) && slices.Contains(l.Namespaces, NamespaceMount) {
		return confine.MountID()
	}
	return ""
}

// onlyNamespaces says whether there are no limits other than namespaces that need no
// trampoline.
func (l Limits) onlyNamespaces() bool {
	proc := l.procOf()
	l.Namespaces = nil
	return proc == "" && l.isZero()
}

// confinement is what the trampoline is told to do.
func (l Limits) confinement() (*confine.Spec, error) {
	s := &confine.Spec{Nice: l.Nice, OOMScore: l.OOMScore, NoNewPrivs: l.NoNewPrivs}
	for _, name := range resources {
		v, ok := l.Resources[name]
		if n, known := confine.Resources[string(name)]; ok && known {
			s.Rlimits = append(s.Rlimits, confine.Rlimit{Name: string(name), Resource: n, Value: v})
		}
	}
	if len(l.ReadOnly)+len(l.ReadWrite) > 0 {
		s.Paths = &confine.Paths{ReadOnly: l.ReadOnly, ReadWrite: l.ReadWrite}
	}
	if u := l.User; u != nil {
		s.User = &confine.User{UID: u.UID, GID: u.GID, Groups: u.Groups}
	}
	for _, o := range l.Optional {
		s.Optional = append(s.Optional, string(o))
	}
	if len(l.DenyCalls) > 0 {
		nrs, err := sandbox.Numbers(l.DenyCalls)
		switch {
		case err == nil:
			s.Deny = append([]uint32{}, nrs...)
		case !slices.Contains(l.Optional, LimitCalls):
			return nil, &RefusedError{Limit: LimitCalls, Value: strings.Join(l.DenyCalls, " "), Err: err}
		}
	}
	return s, nil
}
