//go:build faultinject

package fault_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/internal/testutil/fault"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// hits passes the point "here" three times and tells each time.
var _ = testutil.Helper("hits", func(c *testutil.Child) int {
	for i := range 3 {
		fault.Hit("elsewhere")
		fault.Hit("here")
		c.Say("passed ", i+1)
	}
	return 0
})

func start(t *testing.T, faults string) *testutil.Proc {
	testutil.Audit(t)
	return testutil.Start(t, "hits", testutil.Spec{Env: []string{fault.Variable + "=" + faults}})
}

func TestKillAtTheSecondHit(t *testing.T) {
	p := start(t, "elsewhere:kill:4,here:kill:2")
	p.Expect("passed 1")
	if got := p.Wait().String(); got != "signal: killed" {
		t.Errorf("ended with %q", got)
	}
}

func TestExit(t *testing.T) {
	p := start(t, "here:exit:1")
	if got := p.Wait().ExitCode(); got != fault.ExitStatus {
		t.Errorf("exit status %d, want %d", got, fault.ExitStatus)
	}
}

func TestPanic(t *testing.T) {
	p := start(t, "here:panic:1")
	if p.Wait(); !strings.Contains(p.Stderr(), "panic: fault: here") {
		t.Errorf("stderr: %s", p.Stderr())
	}
}

// The stopped process is continued by the test, which first sees the stop.
func TestStop(t *testing.T) {
	p := start(t, "here:stop:2")
	p.Expect("passed 1")
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, p.PID(), &info, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	p.Signal(unix.SIGCONT)
	p.Expect("passed 2")
	p.Expect("passed 3")
}

func TestDelay(t *testing.T) {
	p := start(t, "here:delay=1ms:1,here:exit:3")
	p.Expect("passed 1")
	p.Expect("passed 2")
	p.Wait()
}

func TestWrongListsEndTheProcess(t *testing.T) {
	for _, list := range []string{"here", "here:kill", "here:kill:0", "here:burn:1", "here:delay:1", "here:delay=soon:1", "here:kill=9:1", ":kill:1"} {
		p := start(t, list)
		if code := p.Wait().ExitCode(); code != 2 || !strings.Contains(p.Stderr(), fault.Variable) {
			t.Errorf("%q: exit status %d, stderr %q", list, code, p.Stderr())
		}
	}
}
