package testutil

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Addresses limits the address space of this process to more bytes than it has now,
// until the test ends or restore is called.
func Addresses(t testing.TB, more uint64) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &old); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/self/statm")
	var pages uint64
	if err == nil {
		_, err = fmt.Sscan(string(b), &pages)
	}
	if err != nil {
		t.Fatal(err)
	}
	lower := unix.Rlimit{Cur: pages*uint64(os.Getpagesize()) + more, Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &lower); err != nil {
		Refused(t, fmt.Sprintf("RLIMIT_AS cannot be set: %v", err))
	}
	restore = func() { _ = unix.Setrlimit(unix.RLIMIT_AS, &old) }
	t.Cleanup(restore)
	return restore
}

// Sparse returns a sealed segment of size bytes that takes no memory.
func Sparse(t testing.TB, size int64) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("sparse", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		Refused(t, err.Error())
	}
	f := os.NewFile(uintptr(fd), "sparse")
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_FUTURE_WRITE|unix.F_SEAL_SEAL); err != nil {
		Refused(t, err.Error())
	}
	return f
}
