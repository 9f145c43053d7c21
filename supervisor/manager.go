package supervisor

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// manager is the service manager of a program that Run runs, such as systemd. A nil
// one is nobody.
//
//	created ── EXTEND_TIMEOUT_USEC, STATUS: each child that is started
//	  │
//	ready ──── READY=1 ──── WATCHDOG=1, while the loop goes round
//	  │
//	stopped ── STOPPING=1
type manager struct {
	log      *slog.Logger
	failed   atomic.Bool
	starting atomic.Bool
}

// tell is Notify for what nobody waits for. If it fails, the log says so once: the
// service manager may now end the program, and does not know why.
func (m *manager) tell(state string) {
	if _, err := Notify(state); err != nil && !m.failed.Swap(true) {
		m.log.Warn("the service manager could not be told, and may take the program for one that hangs", "err", err,
			"remedy", "let the program reach the socket NOTIFY_SOCKET, or unset that variable")
	}
}

// startGrace is how much longer than its time a start may take before a service
// manager acts: the end of the child is this process's task.
const startGrace = 10 * time.Second

// starts tells it, while the children of the program's Spec are being started, that
// c is, and to wait for as long as c may take. Else a large tree would be ended in
// the midst of its start, by a limit that knows nothing of it (TimeoutStartSec). For
// a child that may take any time it is that limit which holds.
func (m *manager) starts(c *child) {
	if m == nil || !m.starting.Load() || m.failed.Load() { // one that does not read takes its time each time
		return
	}
	said := "STATUS=starting " + strings.ReplaceAll(c.name, "\n", " ")
	if limit := c.spec.startTime(); limit != Infinity {
		said += fmt.Sprintf("\nEXTEND_TIMEOUT_USEC=%d", (limit + startGrace).Microseconds())
	}
	m.tell(said)
}

// ready tells it that the children of s have been started.
func (m *manager) ready(s Spec) {
	m.starting.Store(false)
	if len(s.Children) == 0 {
		return
	}
	said := fmt.Sprintf("STATUS=%d children were started", len(s.Children))
	if !s.LateReady {
		said += "\nREADY=1"
	}
	m.tell(said)
}
