package testutil

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestFileSize: a test is skipped if it needs a larger file than there may be, and only
// then.
func TestFileSize(t *testing.T) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &r); err != nil {
		t.Fatal(err)
	}
	lower := r
	lower.Cur = min(1<<20, r.Max)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &lower); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &r)
	was := refused.Load()
	defer refused.Store(was)
	for n, want := range map[uint64]bool{lower.Cur: false, lower.Cur + 1: true} {
		t.Run("", func(t *testing.T) {
			defer func() {
				if t.Skipped() != want {
					t.Errorf("%d of %d: skipped is %v", n, lower.Cur, t.Skipped())
				}
			}()
			FileSize(t, n)
		})
	}
}

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
