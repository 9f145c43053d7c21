package actor_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
)

// queueVar says to the test binary that it is one of TestQueueForms's.
const queueVar = "UNDERSTUDY_TEST_QUEUES"

// TestQueueForms: a program does the same on every form of queue, chosen by one
// word of the environment, also where the others are refused.
func TestQueueForms(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	if os.Getenv(queueVar) != "" {
		t.Skip("this is one of them")
	}
	for _, s := range lane.Probe() {
		t.Run(s.Form.Name, func(t *testing.T) {
			if s.Err != nil {
				testutil.Refused(t, s.Err)
			}
			cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^(TestEchoSizes|TestTellOrderAcrossSizes|TestBuffers|TestManyAsks|TestViews|TestViewStays)$")
			cmd.Env = append(os.Environ(), "UNDERSTUDY_QUEUE="+s.Form.Name, queueVar+"=1")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "\n--- PASS: TestEchoSizes") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestQueuesRefused: where system calls or limits forbid a form, the automatic
// choice goes past it, and one that is asked for by name says what to raise.
func TestQueuesRefused(t *testing.T) {
	if os.Getenv(queueVar) == "refused" {
		t.Skip("this is one of them")
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestRefusedHere$")
	cmd.Env = append(os.Environ(), "UNDERSTUDY_QUEUE=auto", queueVar+"=refused", testutil.RefuseVar+"=mq_open,msgget")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") {
		testutil.Refused(t, string(out))
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestRefusedHere") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRefusedHere is what TestQueuesRefused runs.
func TestRefusedHere(t *testing.T) {
	if os.Getenv(queueVar) != "refused" {
		t.Skip("nothing is refused")
	}
	for _, s := range lane.Probe() {
		refused := s.Form.Name == "posix" || s.Form.Name == "sysv"
		if (s.Err != nil) != refused {
			t.Errorf("%s: %v", s.Form.Name, s.Err)
		}
	}
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	if err := actor.Tell(ctx, ref, Tell{What: "nothing"}); err != nil {
		t.Errorf("the automatic choice: %v", err)
	}
	for _, form := range []string{"posix", "sysv"} {
		ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Name: form, Mailbox: mailbox.Config{Queue: form}})
		saysWhat(t, actor.Tell(ctx, ref, Tell{What: "nothing"}), "permission")
	}
}

// allowed skips a test where the machine refuses a form of queue.
func allowed(t *testing.T, queue string) {
	t.Helper()
	for _, s := range lane.Probe() {
		if s.Form.Name == queue && s.Err != nil {
			testutil.Refused(t, s.Err)
		}
	}
}

// saysWhat fails the test unless err names a limit and a remedy.
func saysWhat(t *testing.T, err error, limit string) {
	t.Helper()
	e := (*transport.LimitError)(nil)
	if !errors.As(err, &e) || e.Limit != limit || e.Remedy == "" {
		t.Errorf("%v does not say what to raise", err)
	}
}

// TestNoQueueMemory: with RLIMIT_MSGQUEUE=0 a mailbox on POSIX queues says so,
// and the automatic choice works.
func TestNoQueueMemory(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MSGQUEUE, &was); err != nil {
		testutil.Refused(t, err)
	}
	zero := was
	zero.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_MSGQUEUE, &zero); err != nil {
		testutil.Refused(t, err)
	}
	defer unix.Setrlimit(unix.RLIMIT_MSGQUEUE, &was)
	for _, s := range lane.Probe() {
		if s.Form.Name == "posix" && errors.Is(s.Err, syscall.ENOSYS) {
			testutil.Refused(t, s.Err)
		}
	}
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Name: "auto", Mailbox: mailbox.Config{Queue: "auto"}})
	if err := actor.Tell(ctx, ref, Tell{What: "nothing"}); err != nil {
		t.Error(err)
	}
	ctx, _, ref = start(t, supervisor.Spec{}, supervisor.Child{Name: "posix", Mailbox: mailbox.Config{Queue: "posix"}})
	saysWhat(t, actor.Tell(ctx, ref, Tell{What: "nothing"}), "RLIMIT_MSGQUEUE")
}
