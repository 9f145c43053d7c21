package testutil

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Room skips a test that needs up to n bytes at a time of a form of segment, where
// the file system that the form is kept in has fewer left. What the library does
// then is for other tests, which make such a file system themselves.
func Room(t testing.TB, form string, n uint64) {
	t.Helper()
	dir, ok := map[string]string{"shm": "/dev/shm", "file": os.TempDir()}[form]
	if !ok {
		return // it is in memory
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return // the form says what is wrong
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < n {
		Refused(t, fmt.Sprintf("%d bytes are free in %s, and this test needs %d (docker run --shm-size, or mount -o remount,size=)", free, dir, n))
	}
}
