package confine

import "syscall"

// Variable says to a process that it is a trampoline, and which descriptors have
// its Spec and take its report: "5 6".
const Variable = "UNDERSTUDY_LIMITS"

// lateVariable has the numbers of calls that the child itself has to deny, since
// the trampoline needs them for its execve.
const lateVariable = "UNDERSTUDY_DENY"

// Names of limits, beside those of rlimits, which are "RLIMIT_NOFILE" and so on.
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

// Spec says what a trampoline does. It crosses to it as JSON.
type Spec struct {
	Rlimits    []Rlimit
	Nice       *int
	OOMScore   *int
	NoNewPrivs bool
	Paths      *Paths
	Deny       []uint32 // system calls
	User       *User
	MountProc  string   // mount /proc, as the first process of a PID namespace, in a mount namespace that is not this one; "": do not
	Optional   []string // names of limits that may be refused

	// What is executed. Without a Path: this program, with the arguments and
	// environment of the trampoline.
	Path string
	Args []string
	Env  []string

	// Death is the parent-death signal, which a change of the user takes away.
	Death syscall.Signal
}

// Rlimit is one rlimit: soft and hard value.
type Rlimit struct {
	Name     string
	Resource int
	Value    uint64
}

// Paths are what may be opened.
type Paths struct{ ReadOnly, ReadWrite []string }

// User is who the child is.
type User struct {
	UID, GID int
	Groups   []int
}

// Refusal is a limit that the machine refused.
type Refusal struct {
	Limit  string
	Value  string
	Text   string        // what the system said
	Errno  syscall.Errno // 0 when it was not the system
	Remedy string
	Fatal  bool // the child was not started
}
