package testutil

import (
	"testing"
	"time"
)

// ShortGrace makes Audit impatient for the duration of a test that leaks on
// purpose.
func ShortGrace(t testing.TB) {
	usual := auditGrace
	auditGrace = 50 * time.Millisecond
	t.Cleanup(func() { auditGrace = usual })
}

// ShortHangGuard does the same for the wait of a test that hangs on purpose.
func ShortHangGuard(t testing.TB) {
	hangGuard = 50 * time.Millisecond
	t.Cleanup(func() { hangGuard = HangGuard })
}
