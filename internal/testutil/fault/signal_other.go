//go:build faultinject && !unix

package fault

import "os"

// signalSelf knows no signals here: kill ends the process, stop does nothing.
func signalSelf(action string) {
	if action == "kill" {
		os.Exit(ExitStatus)
	}
}
