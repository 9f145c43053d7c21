package testutil_test

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

func TestAuditOfACleanTest(t *testing.T) {
	r := record(t, func(t testing.TB) {
		testutil.Audit(t)
		p := testutil.Start(t, "waits", testutil.Spec{})
		p.Expect("waiting")
	})
	if r.failed {
		t.Errorf("nothing was left, but: %s", r.text)
	}
}

func TestAuditNoticesAGoroutine(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	expectLeak(t, "audit_test.go", func() { go func() { <-stop }() })
}

// expectLeak runs leak as an audited test and wants the account to mention
// trace.
func expectLeak(t *testing.T, trace string, leak func()) {
	t.Helper()
	testutil.ShortGrace(t, 50*time.Millisecond)
	r := record(t, func(t testing.TB) {
		testutil.Audit(t)
		leak()
	})
	if !r.failed || !strings.Contains(r.text, trace) {
		t.Errorf("the account does not mention %q: %q", trace, r.text)
	}
}
