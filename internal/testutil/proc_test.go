package testutil_test

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

var _ = testutil.Helper("echo", func(c *testutil.Child) int {
	c.Say("args ", strings.Join(c.Args, " "), " env ", os.Getenv("ECHO"), " before ", ranBefore)
	c.Say("got ", c.Wait("say"))
	n, _ := strconv.Atoi(c.Wait("exit"))
	return n
})

var _ = testutil.Helper("writes to its file", func(c *testutil.Child) int {
	fmt.Fprint(c.File(1), "from the helper")
	return 0
})

var _ = testutil.Helper("panics", func(*testutil.Child) int {
	panic("a helper's last words")
})

var _ = testutil.Helper("waits", func(c *testutil.Child) int {
	c.Say("waiting")
	c.Wait("never")
	return 0
})

var _ = testutil.Helper("only liveness", func(c *testutil.Child) int {
	c.Say("pid ", os.Getpid())
	select {}
})

// The middle process plays the test process: it starts a helper and is killed
// before any cleanup can run.
var _ = testutil.Helper("a test that is killed", func(c *testutil.Child) int {
	p := testutil.Start(&recorder{}, "only liveness", testutil.Spec{Files: []*os.File{c.File(0)}})
	c.Say("started ", p.Expect("pid"))
	select {}
})

func TestTalk(t *testing.T) {
	testutil.Audit(t)
	p := testutil.Start(t, "echo", testutil.Spec{Args: []string{"a", "b"}, Env: []string{"ECHO=yes"}})
	if got := p.Expect("args"); got != "a b env yes before true" || !ranBefore {
		t.Errorf("the helper has %q, this process ran before: %v", got, ranBefore)
	}
	p.Send("say ", "hello")
	if got := p.Expect("got"); got != "hello" {
		t.Errorf("got %q", got)
	}
	p.Send("exit 7")
	if code := p.Wait().ExitCode(); code != 7 {
		t.Errorf("exit status %d, want the helper's result 7", code)
	}
}

func TestFiles(t *testing.T) {
	testutil.Audit(t)
	r, w := pipe(t)
	p := testutil.Start(t, "writes to its file", testutil.Spec{Files: []*os.File{os.Stderr, w}})
	w.Close()
	if got := string(must(io.ReadAll(r))); got != "from the helper" {
		t.Errorf("the file carried %q", got)
	}
	p.Wait()
}

func TestKill(t *testing.T) {
	testutil.Audit(t)
	p := testutil.Start(t, "only liveness", testutil.Spec{})
	if pid := p.Expect("pid"); pid != strconv.Itoa(p.PID()) {
		t.Errorf("the helper says that it is process %s, PID says %d", pid, p.PID())
	}
	p.Kill()
	ws := p.Wait().Sys().(syscall.WaitStatus)
	if ws.Signal() != syscall.SIGKILL {
		t.Errorf("ended by %v", ws.Signal())
	}
}

func TestStderrOfAFailure(t *testing.T) {
	testutil.Audit(t)
	r := record(t, func(t testing.TB) {
		testutil.Start(t, "panics", testutil.Spec{}).Expect("something else")
	})
	if !r.failed || !strings.Contains(r.text, "a helper's last words") {
		t.Errorf("the failure does not show the helper's stderr:\n%s", r.text)
	}
}

func TestUnexpectedLine(t *testing.T) {
	r := record(t, func(t testing.TB) {
		testutil.Start(t, "waits", testutil.Spec{}).Expect("ready")
	})
	if !r.failed || !strings.Contains(r.text, `expected "ready", got "waiting\n"`) {
		t.Errorf("recorded: %s", r.text)
	}
}

// A test that waits for something that never comes shows where each of its
// helpers is, not only the one it waits for.
func TestHang(t *testing.T) {
	testutil.Audit(t)
	r := record(t, func(t testing.TB) {
		other := testutil.Start(t, "only liveness", testutil.Spec{})
		p := testutil.Start(t, "waits", testutil.Spec{})
		other.Expect("pid")
		p.Expect("waiting")
		testutil.ShortHangGuard(t)
		p.Expect("more")
	})
	for _, want := range []string{`said nothing; expected "more"`, "testutil.(*Child).Wait(", "stderr of helper only liveness", "SIGQUIT"} {
		if !strings.Contains(r.text, want) {
			t.Errorf("the failure does not mention %q:\n%s", want, r.text)
		}
	}
}

// The pipe tells when the last process that holds its other end is gone,
// without a clock: the helper of the killed test must end by itself.
func TestTestProcessKilled(t *testing.T) {
	testutil.Audit(t)
	r, w := pipe(t)
	p := testutil.Start(t, "a test that is killed", testutil.Spec{Files: []*os.File{w}})
	w.Close()
	p.Expect("started")
	p.Kill()
	must(0, r.SetReadDeadline(time.Now().Add(testutil.HangGuard)))
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("the helper outlives its test process: %v", err)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
