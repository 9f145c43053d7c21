package guard

import (
	"syscall"

	"github.com/understudy-go/understudy/supervisor/internal/confine"
)

// Spec says what a guardian runs. It crosses to the guardian as JSON.
type Spec struct {
	Name  string // of the child, which the guardian's process gets
	Path  string
	Args  []string // with the name first
	Env   []string // the whole environment
	Dir   string
	Stop  syscall.Signal // asks the command to end
	Ready Ready

	// Forward are signals that the guardian passes on beside those that it
	// always does.
	Forward []syscall.Signal

	// Limits are for the command, not for the guardian, which has the end of
	// a pipe for the report as its descriptor ReportFD. Its paths and
	// arguments are set by the guardian. nil: none.
	Limits *confine.Spec
}

// ReportFD is a descriptor of a guardian whose command has limits.
const ReportFD = 6

// Ready says when the command is ready; one field at most is set. With none it
// is ready when it runs.
type Ready struct {
	Address string // a TCP connection to it is accepted: host:port
	File    string // it exists
	Notify  bool   // the command says READY=1 to NOTIFY_SOCKET
	Exit    bool   // it ends with code 0
	Outside bool   // somebody else decides: the guardian never says that it is ready
}
