package sysv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

func TestMain(m *testing.M) { testutil.Main(m) }

func init() {
	testutil.ExamplesNeed(func() error {
		f, err := Create()
		if err == nil {
			err = Remove(f)
			f.Close()
		}
		return err
	})
}

func newQueue(t *testing.T) *os.File {
	t.Helper()
	f, err := Create()
	if err != nil {
		testutil.Refused(t, err)
	}
	return f
}

// key is that of the queue which f stands for.
func key(t *testing.T, f *os.File) uint32 {
	t.Helper()
	k, _, err := parseRecord(f)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// exists says whether a key has a queue.
func exists(k uint32) bool {
	_, err := sys.MsgOpen(k)
	return err == nil
}

var _ = testutil.Helper("sysv-hold", func(c *testutil.Child) int {
	f, err := Create()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	k, _, _ := parseRecord(f)
	c.Say("key ", k)
	c.Wait("never")
	return 0
})

// TestSweep: a queue is swept when its last user has been killed, not before.
func TestSweep(t *testing.T) {
	testutil.Audit(t)
	registry(t)
	newQueue(t).Close() // refused here, if anywhere; this one is swept too
	p := testutil.Start(t, "sysv-hold", testutil.Spec{})
	var k uint32
	if _, err := fmt.Sscan(p.Expect("key"), &k); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(); err != nil || !exists(k) {
		t.Fatalf("the queue of a living process was swept: %v", err)
	}
	p.Kill()
	p.Wait()
	if !exists(k) {
		t.Fatal("the queue is gone by itself: there is nothing to sweep")
	}
	if err := Sweep(); err != nil || exists(k) {
		t.Fatalf("the queue of a dead process is still there: %v", err)
	}
}

// TestSweepOfSession: a program that was started without the environment of a session
// removes what one with it has left behind.
func TestSweepOfSession(t *testing.T) {
	testutil.Audit(t)
	all := known()
	dir := registry(t)
	newQueue(t).Close() // refused here, if anywhere
	p := testutil.Start(t, "sysv-hold", testutil.Spec{})
	var k uint32
	if _, err := fmt.Sscan(p.Expect("key"), &k); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	p.Wait()
	if slices.Contains(all, fmt.Sprintf("/run/user/%d/understudy", os.Geteuid())) {
		known = func() []string { return []string{dir} } // it has the place of the real one
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	if err := Sweep(); err != nil || exists(k) {
		t.Errorf("the queue of a dead process is still there: %v; a program without a session looks into %q", err, all)
	}
}

// TestRemove: the queue, the file and with the last one the directory go, while
// others hold it.
func TestRemove(t *testing.T) {
	dir := registry(t)
	f, g := newQueue(t), newQueue(t)
	defer f.Close()
	defer g.Close()
	k := key(t, f)
	port := newPort(f)
	defer port.Close()
	if err := Remove(f); err != nil {
		t.Fatal(err)
	}
	if exists(k) || !exists(key(t, g)) {
		t.Error("the wrong queue was removed")
	}
	if err := Remove(f); err != nil {
		t.Errorf("the second Remove: %v", err)
	}
	m := make([]byte, 64)
	putType(m, first)
	if err := port.Send(m); err != transport.ErrFull {
		t.Errorf("send to a removed queue: %v", err)
	}
	if _, err := port.Receive(m); err != transport.ErrEmpty {
		t.Errorf("receive from a removed queue: %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	if err := Remove(g); err != nil {
		t.Fatal(err)
	}
}

// TestOpenRemoved: an end that is opened when its queue has just been removed is
// as one that was opened before. A queue that is gone while its file is there
// is nobody's doing that is allowed to.
func TestOpenRemoved(t *testing.T) {
	registry(t)
	f := newQueue(t)
	if err := Remove(f); err != nil {
		t.Fatal(err)
	}
	p := newPort(f)
	defer p.Close()
	m := make([]byte, 64)
	putType(m, first)
	if err := p.Send(m); err != transport.ErrFull {
		t.Errorf("send: %v", err)
	}
	if _, err := p.Receive(m); err != transport.ErrEmpty {
		t.Errorf("receive: %v", err)
	}
	g := newQueue(t)
	id, err := queueOf(g)
	if err == nil {
		err = sys.MsgRemove(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	q := newPort(g)
	if _, err := q.Receive(m); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("receive from a queue that is gone: %v", err)
	}
	if err := errors.Join(Remove(g), q.Close()); err != nil {
		t.Error(err)
	}
}

var _ = testutil.Helper("sysv-leave", func(c *testutil.Child) int {
	p := newPort(c.File(0))
	c.Say("has it ", p.err == nil)
	c.Wait("leave")
	if err := Leave(false, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c.Say("left")
	c.Wait("never")
	return 0
})

// TestLeave: a queue goes with the last of those processes that use it, whoever that
// is and though none of them has ended yet. The queue of others stays.
func TestLeave(t *testing.T) {
	testutil.Audit(t)
	registry(t)
	f := newQueue(t)
	k := key(t, f)
	peer := testutil.Start(t, "sysv-leave", testutil.Spec{Files: []*os.File{f}})
	peer.Expect("has it true")
	other := testutil.Start(t, "sysv-hold", testutil.Spec{})
	var foreign uint32
	if _, err := fmt.Sscan(other.Expect("key"), &foreign); err != nil {
		t.Fatal(err)
	}
	p := newPort(f)
	if err := Leave(false, nil); err != nil || !exists(k) {
		t.Errorf("a queue that another process uses is removed: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	peer.Send("leave")
	peer.Expect("left")
	if exists(k) || !exists(foreign) {
		t.Errorf("queue of all: %v, of another one: %v", exists(k), exists(foreign))
	}
	other.Kill()
	other.Wait()
	if err := Leave(true, nil); err != nil || exists(foreign) {
		t.Errorf("the queue of a process that this one has killed is left: %v", err)
	}
}

// TestLeaveOthers: who has killed processes waits for the end of what they used, and
// not for queues that others use and go on to use.
func TestLeaveOthers(t *testing.T) {
	testutil.Audit(t)
	registry(t)
	defer func(was time.Duration) { leaveTime = was }(leaveTime)
	leaveTime = testutil.HangGuard
	var keys [2]uint32
	var pids [2]int
	var all [2]*testutil.Proc
	for i := range all {
		all[i] = testutil.Start(t, "sysv-hold", testutil.Spec{})
		if _, err := fmt.Sscan(all[i].Expect("key"), &keys[i]); err != nil {
			t.Fatal(err)
		}
		pids[i] = all[i].PID()
	}
	users := func() ([]int, bool) { return pids[:1], true }
	elsewhere := Elsewhere(users)
	if got := elsewhere; len(got) != 1 || filepath.Base(got[0]) != fileName(keys[1]) {
		t.Fatalf("%q; want that of key %08x", elsewhere, keys[1])
	}
	all[0].Kill()
	all[0].Wait()
	if err := Leave(true, elsewhere); err != nil || exists(keys[0]) || !exists(keys[1]) {
		t.Errorf("%v; the queue of the killed: %v, of the other: %v", err, exists(keys[0]), exists(keys[1]))
	}
	if got := Elsewhere(func() ([]int, bool) { return nil, false }); got != nil {
		t.Errorf("%q of unknown processes", got)
	}
	all[1].Kill()
	all[1].Wait()
	leaveTime = time.Second
	if got := Elsewhere(users); len(got) != 0 {
		t.Errorf("%q, which nobody uses", got)
	}
	if err := Leave(true, nil); err != nil || exists(keys[1]) {
		t.Errorf("the queue of the other is left: %v", err)
	}
}

var _ = testutil.HelperErr("sysv of another user", func(c *testutil.Child) error {
	k, err := strconv.ParseUint(c.Args[0], 10, 32)
	if err == nil {
		err = errors.Join(unix.Setresgid(65534, 65534, 65534), unix.Setresuid(65534, 65534, 65534))
	}
	if err == nil {
		_, err = sys.MsgCreate(uint32(k))
	}
	return err
})

// TestRemoveElsewhere: a queue of another IPC namespace is not what has its key here.
func TestRemoveElsewhere(t *testing.T) {
	dir := registry(t)
	k := newKey()
	id, err := sys.MsgCreate(k)
	if err != nil {
		testutil.Refused(t, err)
	}
	f, err := os.Open(write(t, dir, k, record(k, ipcSpace()+1)))
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	defer f.Close()
	if err := Remove(f); err == nil || !strings.Contains(err.Error(), "belongs to IPC namespace") {
		t.Error(err)
	}
	if err := sys.MsgRemove(id); err != nil {
		t.Errorf("the queue with the same key was removed: %v", err)
	}
}

// TestKept: room for the largest message is kept for urgent ones, to the byte.
func TestKept(t *testing.T) {
	registry(t)
	f := newQueue(t)
	prior, most := newPriorityPort(f)
	p := prior.(*port)
	defer p.Close()
	defer func() {
		if err := Remove(f); err != nil {
			t.Error(err)
		}
	}()
	if most < minMessage {
		testutil.Refused(t, fmt.Sprintf("the largest message has %d bytes", most))
	}
	m := make([]byte, typeBytes+minMessage)
	putType(m, second)
	if err := p.Send(m); err != nil {
		t.Fatal(err)
	}
	q, err := sys.MsgInfo(p.id)
	if err != nil || q.Cbytes != minMessage {
		t.Fatalf("%+v, %v", q, err)
	}
	rest := int(q.Qbytes) - minMessage
	if !p.Room(rest) || p.Room(rest+1) || !p.Spare(rest-most) || p.Spare(rest-most+1) {
		t.Errorf("there is room for %d bytes, of which %d are kept; but: %v %v %v %v", rest, most, p.Room(rest), p.Room(rest+1), p.Spare(rest-most), p.Spare(rest-most+1))
	}
	if err := p.SendUrgent(m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []uint64{first, second} { // the urgent one overtakes; the buffer is as it was
		if got := binary.NativeEndian.Uint64(m); got != second {
			t.Errorf("the next message is of type %d", got)
		}
		b := make([]byte, len(m))
		if n, err := p.Receive(b); err != nil || n != minMessage || binary.NativeEndian.Uint64(b) != want {
			t.Errorf("%d bytes of type %d, want type %d; %v", n, binary.NativeEndian.Uint64(b), want, err)
		}
	}
}

// TestLimits: which limit refused a queue, and what to do.
func TestLimits(t *testing.T) {
	for _, err := range []error{unix.ENOSPC, unix.EMSGSIZE, unix.ENOSYS, unix.EACCES, unix.EMFILE} {
		e := (*transport.LimitError)(nil)
		if got := limited(err); !errors.As(got, &e) || !errors.Is(got, err) || e.Limit == "" || e.Remedy == "" {
			t.Errorf("%v: %v", err, got)
		}
	}
}
