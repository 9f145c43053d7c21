package testutil

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Threads skips a test whose processes together have up to n threads, if RLIMIT_NPROC is
// lower, which counts all threads of the user and does not apply to root. What the library
// does then is shown by other tests, which lower the limit themselves.
func Threads(t testing.TB, n uint64) {
	t.Helper()
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &r); err == nil && r.Cur < n && os.Getuid() != 0 {
		Refused(t, fmt.Sprintf("RLIMIT_NPROC is %d, and this test needs %d threads at a time (ulimit -u)", r.Cur, n))
	}
}
