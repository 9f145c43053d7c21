package mq

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// TestCreate: sizes, flags, and no name left.
func TestCreate(t *testing.T) {
	testutil.Audit(t)
	defer ownNames(os.Getpid())()
	f := create(t)
	a, err := sys.MqGetAttr(int(f.Fd()))
	if err != nil || a.MaxMsg != Depth || a.MsgSize != MessageBytes || a.Flags&unix.O_NONBLOCK == 0 {
		t.Errorf("%+v %v", a, err)
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("not close-on-exec: %#x %v", flags, err)
	}
	f.Close()
	noNames(t)
	var wg sync.WaitGroup
	for range 8 { // they meet at one name
		wg.Go(func() {
			for range 20 {
				f, err := Create()
				if err != nil {
					t.Error(err)
					return
				}
				f.Close()
			}
		})
	}
	wg.Wait()
}

// TestLimits: what the machine refuses is named, with value and remedy.
func TestLimits(t *testing.T) {
	testutil.Audit(t)
	create(t).Close()
	lower := func(resource int, to uint64) (restore func()) {
		var old unix.Rlimit
		if err := unix.Getrlimit(resource, &old); err != nil {
			t.Fatal(err)
		}
		low := old
		low.Cur = to
		if err := unix.Setrlimit(resource, &low); err != nil {
			t.Skip("cannot lower the limit:", err)
		}
		return func() {
			if err := unix.Setrlimit(resource, &old); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(name string, value uint64, err error) {
		t.Helper()
		e := (*transport.LimitError)(nil)
		if !errors.As(err, &e) || e.Limit != name || e.Value != value || e.Remedy == "" {
			t.Errorf("want %s = %d, got %v", name, value, err)
		}
	}
	restore := lower(unix.RLIMIT_MSGQUEUE, 100)
	_, err := Create()
	restore()
	check("RLIMIT_MSGQUEUE", 100, err)

	restore = lower(unix.RLIMIT_NOFILE, 3)
	var files []*os.File
	for err = nil; err == nil; { // numbers below 3 can be free
		var f *os.File
		if f, err = Create(); err == nil {
			files = append(files, f)
		}
	}
	restore()
	for _, f := range files {
		f.Close()
	}
	check("RLIMIT_NOFILE", 3, err)

	for errno, name := range map[unix.Errno]string{unix.ENOSPC: "fs.mqueue.queues_max", unix.EINVAL: "fs.mqueue.msg_max"} {
		file := map[unix.Errno]string{unix.ENOSPC: "fs/mqueue/queues_max", unix.EINVAL: "fs/mqueue/msg_max"}[errno]
		check(name, sys.Sysctl(file), limited(errno, 10))
	}
	check("CONFIG_POSIX_MQUEUE", 0, limited(unix.ENOSYS, 10))
	check("permission", 0, limited(unix.EACCES, 10))
	check("permission", 0, limited(unix.EPERM, 10))
	if !errors.Is(limited(unix.ENOSYS, 10), errors.ErrUnsupported) {
		t.Error("a kernel without queues is not ErrUnsupported")
	}
}

// TestKept: one place in five is kept for urgent messages, and at least one, and no more.
func TestKept(t *testing.T) {
	testutil.Audit(t)
	defer ownNames(os.Getpid())()
	create(t).Close()
	m := make([]byte, MessageBytes)
	for depth, usual := range map[int]int{2: 1, 4: 3, 5: 4, 9: 8, 10: 8} {
		fd, err := open(depth)
		if err != nil {
			testutil.Refused(t, limited(err, depth))
		}
		p := newPriorityPort(os.NewFile(uintptr(fd), "mq"))
		n := 0
		for ; err == nil && p.Spare(MessageBytes); n++ {
			err = p.Send(m)
		}
		if err != nil || n != usual {
			t.Errorf("%d of %d places, want %d; %v", n, depth, usual, err)
		}
		for ; err == nil; n++ {
			err = p.SendUrgent(m)
		}
		if n-1 != depth || !errors.Is(err, transport.ErrFull) {
			t.Errorf("%d of %d places with urgent messages, %v", n-1, depth, err)
		}
		p.Close()
		if err := p.Send(m); !p.Spare(MessageBytes) || !errors.Is(err, transport.ErrClosed) {
			t.Errorf("a queue that is closed: %v", err)
		}
	}
}

var (
	_ = testutil.HelperErr("die with a name", dieWithName)
	_ = testutil.HelperErr("send later", sendLater)
)

// dieWithName opens queues as Create does, and is killed before it has
// removed their names.
func dieWithName(*testutil.Child) error {
	ownNames(os.Getppid())
	for k := range names {
		if _, err := sys.MqOpen(nameOf(k), 1, kernelq.HeaderBytes); err != nil {
			return err
		}
	}
	return unix.Kill(os.Getpid(), unix.SIGKILL)
}

// ownNames makes this process use names that only tests of the process pid use: others
// may run at the same time.
func ownNames(pid int) (restore func()) {
	was := base
	base = fmt.Sprintf("understudy-test-%d", pid)
	return func() { base = was }
}

// noNames fails the test when a queue has a name.
func noNames(t *testing.T) {
	t.Helper()
	for k := range names {
		if err := sys.MqUnlink(nameOf(k)); err != unix.ENOENT {
			t.Errorf("%s is still there: %v", nameOf(k), err)
		}
	}
}

// TestSweep: names that a process left when it was killed in Create are removed, by
// Sweep, and by others that create queues, of whatever process they are.
func TestSweep(t *testing.T) {
	defer ownNames(os.Getpid())()
	create(t).Close()
	dies := func() {
		t.Helper()
		testutil.Start(t, "die with a name", testutil.Spec{}).Wait()
		for k := range names {
			if fd, err := sys.MqOpen(nameOf(k), 1, kernelq.HeaderBytes); err != unix.EEXIST {
				unix.Close(fd)
				t.Fatalf("%s was not left: %v", nameOf(k), err)
			}
		}
	}
	dies()
	for range 2 {
		if err := Sweep(); err != nil {
			t.Error(err)
		}
	}
	noNames(t)
	dies()
	for range 40 * names {
		create(t).Close()
	}
	noNames(t)
}

var _ = testutil.HelperErr("another user", anotherUser)

// anotherUser creates queues where all usual names belong to somebody else, who does not
// let them be removed.
func anotherUser(c *testutil.Child) error {
	ownNames(os.Getppid())
	if err := errors.Join(unix.Setresgid(65534, 65534, 65534), unix.Setresuid(65534, 65534, 65534)); err != nil {
		return err
	}
	if err := Sweep(); err != nil {
		return err
	}
	var queues [2]*os.File // at a time
	for i := range queues {
		var err error
		if queues[i], err = Create(); err != nil {
			return err
		}
	}
	for _, f := range queues {
		f.Close()
	}
	return nil
}

// TestNamesOfOthers: names that another user has left are in nobody's way.
func TestNamesOfOthers(t *testing.T) {
	testutil.Audit(t)
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root can make queues of another user")
	}
	defer ownNames(os.Getpid())()
	create(t).Close()
	for k := range names {
		fd, err := sys.MqOpen(nameOf(k), 1, kernelq.HeaderBytes)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	}
	testutil.Start(t, "another user", testutil.Spec{}).Succeeds()
	for k := range names {
		if err := sys.MqUnlink(nameOf(k)); err != nil {
			t.Errorf("%s: %v", nameOf(k), err)
		}
	}
}

// sendLater waits for the word, then sends one message.
func sendLater(c *testutil.Child) error {
	c.Wait("go")
	return sys.MqSend(int(c.File(0).Fd()), []byte("here"))
}

// TestReadable: a message from another process ends the wait, and so do a
// deadline and Close. It waits in the poller.
func TestReadable(t *testing.T) {
	testutil.Audit(t)
	f := create(t)
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := Readable(f); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	c := testutil.Start(t, "send later", testutil.Spec{Files: []*os.File{f}})
	got := make(chan error)
	go func() { got <- Readable(f) }()
	select {
	case err := <-got:
		t.Fatalf("an empty queue is readable: %v", err)
	default:
	}
	c.Send("go")
	if err := <-got; err != nil {
		t.Error(err)
	}
	c.Succeeds()
	if err := Readable(f); err != nil {
		t.Errorf("with a message in it: %v", err)
	}
	if n, err := sys.MqReceive(int(f.Fd()), make([]byte, MessageBytes)); err != nil || n != 4 {
		t.Errorf("%d %v", n, err)
	}
	go func() { got <- Readable(f) }()
	runtime.Gosched()
	f.Close()
	if err := <-got; !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}
