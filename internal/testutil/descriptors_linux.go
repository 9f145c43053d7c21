package testutil

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// Descriptors skips a test of which one process has up to n descriptors open at a time, if
// RLIMIT_NOFILE is lower. What the library does then is shown by other tests, which lower
// the limit themselves.
func Descriptors(t testing.TB, n uint64) {
	t.Helper()
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err == nil && r.Cur < n {
		Refused(t, fmt.Sprintf("RLIMIT_NOFILE is %d, and this test needs %d descriptors at a time", r.Cur, n))
	}
}
