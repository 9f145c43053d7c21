package testutil

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Threads skips a test whose processes have up to n threads together where RLIMIT_NPROC,
// which counts all of the user's, is lower. It does not hold for root. What the library
// does then is for other tests, which lower the limit themselves.
func Threads(t testing.TB, n uint64) {
	t.Helper()
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &r); err == nil && r.Cur < n && os.Getuid() != 0 {
		Refused(t, fmt.Sprintf("RLIMIT_NPROC is %d, and this test needs %d threads at a time (ulimit -u)", r.Cur, n))
	}
}
