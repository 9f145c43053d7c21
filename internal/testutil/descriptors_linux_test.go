package testutil

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestDescriptors: a test is skipped if it needs more descriptors than there may be,
// and only then.
func TestDescriptors(t *testing.T) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	was := refused.Load()
	defer refused.Store(was)
	for n, want := range map[uint64]bool{r.Cur: false, r.Cur + 1: true} {
		t.Run("", func(t *testing.T) {
			defer func() {
				if t.Skipped() != want {
					t.Errorf("%d of %d: skipped is %v", n, r.Cur, t.Skipped())
				}
			}()
			Descriptors(t, n)
		})
	}
}
