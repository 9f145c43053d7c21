package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/shared"
)

func TestMain(m *testing.M) { testutil.Main(m, supervisor.RunChild) }

var tinyPlan = plan{each: time.Millisecond, idle: 3, sizes: []int{64, 8 << 10}, bulk: 64 << 10, locks: 20_000}

// TestTour goes to every stop as a person would. Each form is in the table with
// all its figures, or refused with a reason, and nothing is left behind.
func TestTour(t *testing.T) {
	testutil.Audit(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var progress, out bytes.Buffer
	r, err := run(ctx, tinyPlan, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	if err := printTable(&out, r); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &out)
	var names []string
	for _, s := range r.Stops {
		names = append(names, s.Kind+" "+s.Name)
		checkStop(t, s, out.String())
	}
	want := []string{"queue ring", "queue unix", "queue pipe", "queue sysv", "queue posix",
		"segment memfd", "segment shm", "segment file", "segment sysv", "notifier futex", "notifier eventfd"}
	if !slices.Equal(names, want) {
		t.Errorf("the stops are %q, want %q", names, want)
	}
	if want := fmt.Sprintf("in the entry of the queue up to %s, and in a block above; a lent buffer, filled by copy, is not slower than a []byte from ", sizeName(r.Crossing.Inline())); len(r.Crossing.Lent) == 0 || !strings.Contains(out.String(), want) {
		t.Errorf("the table does not say %q", want)
	}
	page, err := makePage(r)
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, string(page), r)
	if m := r.Mutex; m.Refused == nil && (m.Value != 40_000 || m.PerLock <= 0) || r.File.Sent < 16 || r.File.Took <= 0 {
		t.Errorf("%+v %+v", r.Mutex, r.File)
	}
}

func checkStop(t *testing.T, s stop, table string) {
	t.Helper()
	row := regexp.MustCompile(`(?m)^ *` + s.Kind + " " + s.Name + ` +[\d.]+ [µm]s .*$`)
	if s.Refused != nil {
		if row.MatchString(table) || !strings.Contains(table, s.Kind+" "+s.Name+": refused here: "+s.Refused.Error()) {
			t.Errorf("%s %s is refused, which the table does not say", s.Kind, s.Name)
		}
		return
	}
	if !row.MatchString(table) {
		t.Errorf("the table has no row of %s %s", s.Kind, s.Name)
	}
	if len(s.What) < 100 || s.Awake <= 0 || s.Asleep <= 0 || s.Rate <= 0 || s.Bandwidth <= 0 || s.NotCounted != "switched off" || len(s.Sweep) != len(tinyPlan.sizes) {
		t.Errorf("%+v", s)
	}
	// At least 16 payloads of 64 bytes and 16 notes; 16 loads.
	if s.InQueue < 2*16*64 && !s.SmallLeaves || s.InSegment < 16*64<<10 || s.Copied < uint64(s.Copies)*s.InQueue+s.InSegment {
		t.Errorf("%s %s: %d bytes in entries, %d in blocks, %d copied", s.Kind, s.Name, s.InQueue, s.InSegment, s.Copied)
	}
}

// TestTourRefused: where the kernel refuses forms, as the profile of a container
// may, the tour says so and goes on.
func TestTourRefused(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestTour$")
	cmd.Env = append(os.Environ(), testutil.RefuseVar+"=memfd_create,futex_waitv,mq_open,msgget,shmget")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestTour ") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"queue sysv", "queue posix", "segment memfd", "segment sysv", "notifier futex", "mutex"} {
		if !strings.Contains(string(out), name+": refused here: ") {
			t.Errorf("%s is not refused:\n%s", name, out)
		}
	}
}

// TestRefused: a form whose first message fails by a limit is refused, and
// nothing else is.
func TestRefused(t *testing.T) {
	if _, err := shared.Create("x", -1); err == nil || refusal(err) {
		t.Errorf("%v is taken for a limit of the machine", err)
	}
}
