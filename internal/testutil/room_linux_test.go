package testutil

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestRoom: a test is skipped if it needs more room than there is, and only then.
func TestRoom(t *testing.T) {
	var fs unix.Statfs_t
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	was := refused.Load()
	defer refused.Store(was)
	for _, c := range []struct {
		form string
		n    uint64
		skip bool
	}{{"file", 0, false}, {"file", fs.Blocks*uint64(fs.Bsize) + 1, true}, {"memfd", 1 << 62, false}} {
		t.Run("", func(t *testing.T) {
			defer func() {
				if t.Skipped() != c.skip {
					t.Errorf("%+v: skipped is %v", c, t.Skipped())
				}
			}()
			Room(t, c.form, c.n)
		})
	}
}
