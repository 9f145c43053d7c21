package testutil

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// refusingVar is set, in a process started by Refusing, to the name of the test to run.
const refusingVar = "UNDERSTUDY_TEST_REFUSING"

// Refusing runs the calling test again for each of the given refusals, each a value of
// RefuseVar, in a new process to which these calls are refused. There it returns true, and
// the test goes on; here it returns false, and the test is over.
func Refusing(t *testing.T, refusals ...string) bool {
	t.Helper()
	if os.Getenv(refusingVar) == t.Name() {
		return true
	}
	for _, calls := range refusals {
		t.Run(calls, func(t *testing.T) {
			name, _, _ := strings.Cut(t.Name(), "/")
			cmd := exec.Command("/proc/self/exe", "-test.run=^"+name+"$", "-test.v")
			cmd.Env = append(os.Environ(), refusingVar+"="+name, RefuseVar+"="+calls)
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "seccomp: ") {
				Refused(t, string(out))
			}
			if _, reason, ok := strings.Cut(string(out), "refused by this machine: "); ok {
				Refused(t, reason)
			}
			if err != nil || !strings.Contains(string(out), "--- PASS: "+name) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	return false
}
