package sys_test

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// TestLayout binds the structures to what the kernel reads.
func TestLayout(t *testing.T) {
	if n := unsafe.Sizeof(sys.Waiter{}); n != 24 {
		t.Errorf("struct futex_waitv has 24 bytes, Waiter %d", n)
	}
	if n := unsafe.Sizeof(sys.MqAttr{}); n != 8*unsafe.Sizeof(int(0)) {
		t.Errorf("struct mq_attr has 8 longs, MqAttr %d bytes", n)
	}
	if n := unsafe.Sizeof(sys.Timespec{}); n != 16 {
		t.Errorf("struct __kernel_timespec has 16 bytes, Timespec %d", n)
	}
}

// TestLeaveCPU: the thread goes on elsewhere, and may go where it might before; on
// one processor it stays.
func TestLeaveCPU(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	if all.Count() < 2 {
		t.Skip("this process may use one processor only")
	}
	// With the set restored the kernel may move the thread back: rarely at once.
	moved := 0
	for range 100 {
		before := sys.CPU()
		if !sys.LeaveCPU() {
			t.Fatal("it did not leave")
		}
		if sys.CPU() != before {
			moved++
		}
	}
	if moved < 50 {
		t.Errorf("elsewhere after %d of 100 moves", moved)
	}
	var after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != all {
		t.Errorf("may use %d processors afterwards, and before %d (%v)", after.Count(), all.Count(), err)
	}
	var one unix.CPUSet
	one.Set(int(sys.CPU() - 1))
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	defer unix.SchedSetaffinity(0, &all)
	if sys.LeaveCPU() {
		t.Error("left the only processor that it may use")
	}
}

// TestLeaveCPUOfOthers: a set that somebody else has given the thread meanwhile stays;
// its own it has back.
func TestLeaveCPUOfOthers(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one, other, now unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	if all.Count() < 2 {
		t.Skip("this process may use one processor only")
	}
	for i := range len(all) * 64 {
		if all.IsSet(i) && one.Count() == 0 {
			one.Set(i)
		} else if all.IsSet(i) {
			other.Set(i)
		}
	}
	defer unix.SchedSetaffinity(0, &all)
	for _, tt := range []struct {
		name           string
		had, set, want unix.CPUSet
	}{{"somebody else's", all, other, one}, {"its own", all, one, all}} {
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
		sys.Restore(tt.had, tt.set)
		if err := unix.SchedGetaffinity(0, &now); err != nil || now != tt.want {
			t.Errorf("%s: %x, want %x (%v)", tt.name, now[0], tt.want[0], err)
		}
	}
}

// TestFutexReadOnly: a thread sleeps on a word that it can only read, and a
// wake through the writable mapping of the same memory reaches it.
func TestFutexReadOnly(t *testing.T) {
	fd, err := sys.Memfd("test", os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	rw, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(rw)
	if err := sys.Seal(fd); err != nil {
		t.Fatal(err)
	}
	ro, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(ro)
	mine, theirs := word(rw), word(ro)

	if err := sys.FutexWait(theirs, 1, 0); err != unix.EAGAIN {
		t.Errorf("another value: %v", err)
	}
	if err := sys.FutexWait(theirs, 0, time.Millisecond); err != unix.ETIMEDOUT && err != unix.EINTR {
		t.Errorf("time-out: %v", err)
	}
	done := make(chan error)
	go func() {
		for theirs.Load() == 0 {
			if err := sys.FutexWait(theirs, 0, 0); err != nil && err != unix.EAGAIN && err != unix.EINTR {
				done <- err
				return
			}
		}
		done <- nil
	}()
	// Wake until it has been seen asleep once, then with the change.
	for n := 0; n == 0; {
		if n, err = sys.FutexWake(mine); err != nil {
			t.Fatal(err)
		}
	}
	mine.Store(1)
	if _, err := sys.FutexWake(mine); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func word(b []byte) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&b[0])) }

func TestFD(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	boom := errors.New("boom")
	if err := sys.FD(r, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %#x %v", flags, err)
		}
		return boom
	}); err != boom {
		t.Error(err)
	}
	r.Close()
	if err := sys.FD(r, func(int) error { t.Error("called with a closed file"); return nil }); err == nil {
		t.Error("no error")
	}
}

// TestLimited: errors that name a limit say which, with its value.
func TestLimited(t *testing.T) {
	for errno, limit := range map[unix.Errno]string{unix.EMFILE: "RLIMIT_NOFILE", unix.ENFILE: "fs.file-max",
		unix.ETOOMANYREFS: "RLIMIT_NOFILE"} {
		err := sys.Limited("test", errno)
		if e := (*transport.LimitError)(nil); !errors.As(err, &e) || e.Limit != limit || e.Value == 0 || !errors.Is(err, errno) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	if err := sys.Limited("test", unix.EPERM); !errors.Is(err, unix.EPERM) || sys.Limited("test", nil) != nil {
		t.Error(err)
	}
	if sys.Sysctl("no/such/number") != 0 || sys.Rlimit(-1) != 0 {
		t.Error("a limit that does not exist has a value")
	}
}
