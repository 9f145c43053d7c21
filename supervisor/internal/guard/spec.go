package guard

import (
	"syscall"

	"github.com/understudy-go/understudy/supervisor/internal/confine"
)

// Spec says what a guardian runs. It crosses to the guardian as JSON.
type Spec struct {
	Name  string // of the child; the guardian's process gets it too
	Path  string
	Args  []string // with the name first
	Env   []string // the whole environment
	Dir   string
	Stop  syscall.Signal // asks the command to end
	Ready Ready

	// Forward are signals that the guardian passes on in addition to those that it
	// always passes on.
	Forward []syscall.Signal

	// Limits are for the command, not for the guardian, whose descriptor ReportFD is a
	// pipe for the report. The guardian sets the command's path and arguments in it. nil:
	// no limits.
	Limits *confine.Spec
}

// ReportFD is a descriptor of a guardian whose command has limits.
const ReportFD = 6

// Ready says when the command is ready; at most one field is set. If none is, the command
// is ready when it runs.
type Ready struct {
	Address string // a TCP connection to it is accepted: host:port
	File    string // it exists
	Notify  bool   // the command sends READY=1 to NOTIFY_SOCKET
	Exit    bool   // it ends with code 0
	Outside bool   // the root decides: the guardian never reports readiness
}
