package notify

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestDrainRefused: the count of an eventfd is taken out also where a read that
// never waits is not known: a bell that stays rung keeps its process awake.
func TestDrainRefused(t *testing.T) {
	if !testutil.Refusing(t, "preadv2:EOPNOTSUPP", "preadv2:ENOSYS", "preadv2:EPERM") {
		return
	}
	fd, err := unix.Eventfd(3, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	drain(fd)
	if n, err := unix.Read(fd, make([]byte, 8)); err != unix.EAGAIN {
		t.Errorf("%d bytes were left, %v", n, err)
	}
}

// TestFutexRefused: the futex form says that it cannot be had, and does not fail
// later, when it would sleep.
func TestFutexRefused(t *testing.T) {
	if !testutil.Refusing(t, "futex_waitv:ENOSYS", "futex_waitv:EPERM") {
		return
	}
	if n, err := NewFutex(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v, %v", n, err)
	}
}
