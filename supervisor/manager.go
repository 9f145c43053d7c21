package supervisor

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// manager is the service manager, such as systemd, of a program that Run runs. A nil
// manager is told nothing.
//
//	created ── EXTEND_TIMEOUT_USEC, STATUS: each child that is started
//	  │
//	ready ──── READY=1 ──── WATCHDOG=1, while the loop responds
//	  │
//	stopped ── STOPPING=1
type manager struct {
	log      *slog.Logger
	failed   atomic.Bool
	starting atomic.Bool
}

// tell is Notify for a caller that ignores errors. If it fails, the log says so once:
// the service manager, not knowing better, may now end the program.
func (m *manager) tell(state string) {
	if _, err := Notify(state); err != nil && !m.failed.Swap(true) {
		m.log.Warn("the service manager could not be notified, and may take the program for one that hangs", "err", err,
			"remedy", "let the program reach the socket NOTIFY_SOCKET, or unset that variable")
	}
}

// startGrace is how much later than Child.Start the service manager may act: it is this
// process that ends a child that starts too slowly.
const startGrace = 10 * time.Second

// starts tells the service manager, while the children of the program's Spec are being
// started, that c is starting, and to wait for as long as c may take. Otherwise its own
// limit (TimeoutStartSec), which knows nothing of the children, would end a large tree
// in the middle of its start. For a child with an infinite start time that limit holds.
func (m *manager) starts(c *child) {
	if m == nil || !m.starting.Load() || m.failed.Load() { // a manager that does not read would delay each start
		return
	}
	said := "STATUS=starting " + strings.ReplaceAll(c.name, "\n", " ")
	if limit := c.spec.startTime(); limit != Infinity {
		said += fmt.Sprintf("\nEXTEND_TIMEOUT_USEC=%d", (limit + startGrace).Microseconds())
	}
	m.tell(said)
}

// ready tells the service manager that the children of s have been started.
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
