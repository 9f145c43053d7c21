//go:build faultinject && !linux

package fault

import "os"

// signalSelf ends the process for kill and does nothing for stop: the sweeps that need
// more run on Linux only.
func signalSelf(action string) {
	if action == "kill" {
		os.Exit(ExitStatus)
	}
}
