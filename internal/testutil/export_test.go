package testutil

import (
	"testing"
	"time"
)

// ShortHangGuard does what ShortGrace does for the wait of a test that hangs on purpose.
func ShortHangGuard(t testing.TB) {
	hangGuard = 50 * time.Millisecond
	t.Cleanup(func() { hangGuard = HangGuard })
}
