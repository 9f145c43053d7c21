package actor_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/segment"
)

// formVar says to the test binary that it is one of TestSegmentForms's, and
// what must show in its list of mappings.
const formVar = "UNDERSTUDY_TEST_FORM"

// segmentRoom is how many bytes of a form of segment these tests need at a time.
const segmentRoom = 32 << 20

// TestSegmentForms: a program says the same on every form of segment, also where
// memfd_create is refused and nothing was chosen.
func TestSegmentForms(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	if os.Getenv(formVar) != "" {
		t.Skip("this is one of them")
	}
	allowed := map[segment.Form]error{}
	for _, s := range segment.Probe() {
		allowed[s.Form] = s.Err
	}
	for _, c := range []struct {
		name, env, refuse, mapped string
		needs                     segment.Form
	}{
		{"memfd", "memfd", "", "/memfd:understudy-lane /memfd:understudy-blocks", segment.FormMemfd},
		{"shm", "shm", "", "/dev/shm/", segment.FormShm},
		{"file", "file", "", os.TempDir() + "/", segment.FormFile},
		{"sysv", "sysv", "", "/SYSV", segment.FormSysV},
		{"memfd refused", "", "memfd_create", "/dev/shm/", segment.FormShm},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := allowed[c.needs]; err != nil {
				testutil.Refused(t, err)
			}
			testutil.Room(t, c.needs.String(), segmentRoom)
			cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^(TestMapped|TestEchoSizes|TestTellOrderAcrossSizes|TestUnreadSurvivesKill|TestDeathInHandFailsTheAsk)$/^ring$")
			cmd.Env = append(os.Environ(), segment.Variable+"="+c.env, formVar+"="+c.mapped)
			if c.refuse != "" {
				cmd.Env = append(cmd.Env, testutil.RefuseVar+"="+c.refuse)
			}
			out, err := cmd.CombinedOutput()
			if err != nil || bytes.Count(out, []byte("\n--- PASS")) != 5 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestMapped looks whether the form that was chosen is the one that is used.
func TestMapped(t *testing.T) {
	want := os.Getenv(formVar)
	if want == "" {
		t.Skip("nothing was chosen")
	}
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	if _, err := actor.Ask(ctx, ref, Echo{Data: make([]byte, 1<<20)}); err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for w := range strings.FieldsSeq(want) {
		if !bytes.Contains(maps, []byte(w)) {
			t.Errorf("no mapping of %s in\n%s", w, maps)
		}
	}
	if !strings.Contains(want, "memfd") && want != "/SYSV" && bytes.Contains(maps, []byte("/memfd:understudy")) {
		t.Errorf("there are memfds beside %s:\n%s", want, maps)
	}
}

// TestSegmentOfMailbox: a mailbox can choose for itself.
func TestSegmentOfMailbox(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	for _, s := range segment.Probe() {
		t.Run(s.Form.String(), func(t *testing.T) {
			if s.Err != nil {
				testutil.Refused(t, s.Err)
			}
			testutil.Room(t, s.Form.String(), segmentRoom)
			ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{Segment: s.Form.String()}})
			data := bytes.Repeat([]byte("x"), 100_000)
			r, err := actor.Ask(ctx, ref, Echo{Text: "y", Data: data})
			if err != nil || !bytes.Equal(r.Data, data) {
				t.Fatal(err)
			}
		})
	}
	if err := (mailbox.Config{Segment: "mmap"}).Validate(); err == nil {
		t.Error("a form that does not exist was accepted")
	}
}
