package testutil

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// FileSize skips a test that needs a file of n bytes, also one in memory, if RLIMIT_FSIZE
// is lower. What the library does then is shown by other tests, which lower the limit
// themselves.
func FileSize(t testing.TB, n uint64) {
	t.Helper()
	if err := FileSizeAllows(n); err != nil {
		Refused(t, err)
	}
}

// FileSizeAllows returns the reason for which FileSize would skip, or nil.
func FileSizeAllows(n uint64) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &r); err == nil && r.Cur < n {
		return fmt.Errorf("RLIMIT_FSIZE is %d bytes (ulimit -f %d), and this test needs a file of %d", r.Cur, r.Cur/1024, n)
	}
	return nil
}
