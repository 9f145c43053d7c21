package confine

import "syscall"

// Variable tells a process that it is a trampoline, and which descriptors have its Spec
// and take its report: "5 6".
const Variable = "UNDERSTUDY_LIMITS"

// lateVariable has the numbers of calls that the child itself has to deny, because the
// trampoline needs them for its execve.
const lateVariable = "UNDERSTUDY_DENY"

// Names of limits other than rlimits, which are called "RLIMIT_NOFILE" and so on.
const (
	Nice       = "nice"
	OOMScore   = "oom_score_adj"
	NoNewPrivs = "no_new_privs"
	Landlock   = "Landlock"
	Seccomp    = "seccomp"
	UserID     = "user"

	UserNamespace  = "user namespace"
	PIDNamespace   = "PID namespace"
	NetNamespace   = "network namespace"
	IPCNamespace   = "IPC namespace"
	MountNamespace = "mount namespace"

	execution = "execve"
)

// Spec says what a trampoline does. It is passed as JSON.
type Spec struct {
	Rlimits    []Rlimit
	Nice       *int
	OOMScore   *int
	NoNewPrivs bool
	Paths      *Paths
	Deny       []uint32 // system calls
	User       *User
	MountProc  string   // the starter's mount namespace: mount /proc, as the first process of a PID namespace, if this one is another; "": do not
	Optional   []string // names of limits that may be refused

	// The program to execute. Without a Path: this program, with the arguments and
	// environment of the trampoline.
	Path string
	Args []string
	Env  []string

	// Death is the parent-death signal, which a change of the user resets.
	Death syscall.Signal
}

// Rlimit is one rlimit; Value is both the soft and the hard limit.
type Rlimit struct {
	Name     string
	Resource int
	Value    uint64
}

// Paths are what may be opened.
type Paths struct{ ReadOnly, ReadWrite []string }

// User is the user that the child runs as.
type User struct {
	UID, GID int
	Groups   []int
}

// Refusal is a limit that the machine refused.
type Refusal struct {
	Limit  string
	Value  string
	Text   string        // what the system said
	Errno  syscall.Errno // 0 if the error was not the system's
	Remedy string
	Fatal  bool // the child was not started
}
