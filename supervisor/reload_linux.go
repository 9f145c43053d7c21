package supervisor

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// reloading adds the time to RELOADING=1, on the monotonic clock, if the caller has not.
// A service manager does not accept a reload without it (systemd's Type=notify-reload).
func reloading(state string) string {
	lines := "\n" + state + "\n"
	if !strings.Contains(lines, "\nRELOADING=1\n") || strings.Contains(lines, "\nMONOTONIC_USEC=") {
		return state
	}
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return state
	}
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", strings.TrimRight(state, "\n"), now.Nano()/1000)
}
