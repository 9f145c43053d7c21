package testutil

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Room skips a test that needs up to n bytes at a time of a form of segment, if the file
// system of that form has fewer left. What the library does then is shown by other tests,
// which make such a file system themselves.
func Room(t testing.TB, form string, n uint64) {
	t.Helper()
	dir, ok := map[string]string{"shm": "/dev/shm", "file": os.TempDir()}[form]
	if !ok {
		return // the form is in no file system
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return // making a segment will show what is wrong
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < n {
		Refused(t, fmt.Sprintf("%d bytes are free in %s, and this test needs %d (docker run --shm-size, or mount -o remount,size=)", free, dir, n))
	}
}
