package notify

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

func eachForm(t *testing.T, f func(*testing.T, transport.Notifier)) {
	for _, form := range []string{"futex", "eventfd"} {
		t.Run(form, func(t *testing.T) {
			testutil.Audit(t)
			n := newNotifier(t, form)
			f(t, n)
		})
	}
}

// wait is Wait with patience: it fails the test when nothing woke it.
func wait(t *testing.T, n transport.Notifier, bells ...transport.Bell) {
	t.Helper()
	begin := time.Now()
	if err := n.Wait(bells, patience); err != nil {
		t.Fatal(err)
	}
	if time.Since(begin) >= patience {
		t.Fatal("nothing has woken Wait")
	}
}

func TestBest(t *testing.T) {
	n, reason := Best()
	if n == nil {
		t.Skip(reason)
	}
	defer n.Close()
	if _, futex := n.(*Futex); futex != (reason == nil) {
		t.Errorf("%T, because %v", n, reason)
	}
}

// TestInterruptFirst: an Interrupt before Wait makes it return.
func TestInterruptFirst(t *testing.T) {
	eachForm(t, func(t *testing.T, n transport.Notifier) {
		for range 100 {
			n.Interrupt()
			n.Interrupt()
			wait(t, n)
		}
	})
}

// TestChangedFirst: Wait does not sleep on a bell that has changed already,
// whichever it is.
func TestChangedFirst(t *testing.T) {
	eachForm(t, func(t *testing.T, n transport.Notifier) {
		bells := make([]transport.Bell, MaxBells)
		for i := range bells {
			bells[i] = transport.Bell{Word: new(atomic.Uint32), FD: -1}
		}
		for i := range bells {
			bells[i].Word.Store(1)
			wait(t, n, bells...)
			bells[i].Seen = 1
		}
	})
}

func TestTimeout(t *testing.T) {
	eachForm(t, func(t *testing.T, n transport.Notifier) {
		bell := transport.Bell{Word: new(atomic.Uint32), FD: -1}
		const d = 5 * time.Millisecond
		short := 0
		for range 5 {
			begin := time.Now()
			if err := n.Wait([]transport.Bell{bell}, d); err != nil {
				t.Fatal(err)
			}
			if time.Since(begin) < d {
				short++
			}
		}
		if short > 3 { // Wait may return for no reason, but not as a rule
			t.Errorf("%d of 5 waits were too short", short)
		}
	})
}

// TestInterruptRace: among many Interrupts and Waits at once, the last
// Interrupt is never lost.
func TestInterruptRace(t *testing.T) {
	eachForm(t, func(t *testing.T, n transport.Notifier) {
		var posted, seen atomic.Uint64
		var wg sync.WaitGroup
		const posters = 3
		each := uint64(testutil.Rounds(1000, 100_000))
		for range posters {
			wg.Go(func() {
				for range each {
					posted.Add(1)
					n.Interrupt()
					if posted.Load()%64 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		for seen.Load() < each*posters {
			// What a user does: look, and sleep only when there is nothing.
			if p := posted.Load(); p != seen.Load() {
				seen.Store(p)
				continue
			}
			wait(t, n)
		}
		wg.Wait()
	})
}

// TestWake: a wake reaches a waiter of the same process too, through the word
// or the eventfd, and a wake for nobody is no error.
func TestWake(t *testing.T) {
	eachForm(t, func(t *testing.T, n transport.Notifier) {
		word := new(atomic.Uint32)
		f, err := n.NewFD()
		if err != nil {
			t.Fatal(err)
		}
		fd := -1
		if f != nil {
			defer f.Close()
			fd = int(f.Fd())
		}
		for i := range uint32(testutil.Rounds(100, 10_000)) {
			woken := make(chan bool)
			go func() {
				wait(t, n, transport.Bell{Word: word, Seen: i, FD: -1})
				close(woken)
			}()
			word.Add(1)
			if err := n.Wake(word, fd); err != nil {
				t.Fatal(err)
			}
			<-woken
			if err := n.Wake(word, fd); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTooManyBells(t *testing.T) {
	f := newNotifier(t, "futex")
	bells := make([]transport.Bell, MaxBells+1)
	for i := range bells {
		bells[i] = transport.Bell{Word: new(atomic.Uint32), FD: -1}
	}
	e := (*TooManyBellsError)(nil)
	if err := f.Wait(bells, time.Millisecond); !errors.As(err, &e) || e.Bells != 128 || e.Limit != 127 {
		t.Error(err)
	}
	// As many as there may be: the kernel takes them.
	if err := f.Wait(bells[1:], time.Millisecond); err != nil {
		t.Error(err)
	}
	n := newNotifier(t, "eventfd")
	if err := n.Wait(bells, time.Millisecond); err != nil {
		t.Error(err)
	}
}

// TestEventfdEnds: closing one eventfd ends its goroutine, closing the
// notifier ends all, and then there are no new ones.
func TestEventfdEnds(t *testing.T) {
	testutil.Audit(t)
	n, err := NewEventfd()
	if err != nil {
		t.Skip(err)
	}
	before := runtime.NumGoroutine()
	var files []transport.File
	for range 20 {
		f, err := n.NewFD()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	for _, f := range files[:10] {
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	}
	if g := goroutines(before + 10); g > before+10 {
		t.Errorf("%d goroutines for 10 eventfds", g-before)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if g := goroutines(before); g > before {
		t.Errorf("%d goroutines more after Close", g-before)
	}
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := n.NewFD(); !errors.Is(err, transport.ErrClosed) {
		t.Error(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// goroutines counts them, with patience for those that have said their last
// word and are about to leave.
func goroutines(limit int) int {
	for begin := time.Now(); runtime.NumGoroutine() > limit && time.Since(begin) < patience; {
		runtime.Gosched()
	}
	return runtime.NumGoroutine()
}

// TestFullEventfd: a counter that is full is not an error, and not waited for.
func TestFullEventfd(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	n := newNotifier(t, "eventfd")
	if err := n.Wake(nil, fd); err != nil {
		t.Error(err)
	}
}

// TestEventfdMode: passing the eventfd's number around does not make
// it blocking.
func TestEventfdMode(t *testing.T) {
	n := newNotifier(t, "eventfd")
	f, err := n.NewFD()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

func TestWaitAllocatesNothing(t *testing.T) {
	for _, form := range []string{"futex", "eventfd"} {
		n := newNotifier(t, form)
		bells := []transport.Bell{{Word: new(atomic.Uint32), FD: -1}, {Word: new(atomic.Uint32), FD: -1}}
		if a := testing.AllocsPerRun(100, func() {
			n.Interrupt()
			_ = n.Wait(bells, time.Second)
			_ = n.Wait(bells, time.Microsecond)
			bells[0].Word.Add(1)
			_ = n.Wait(bells, 0)
			bells[0].Seen++
			_ = n.Wake(bells[1].Word, -1)
		}); a != 0 {
			t.Errorf("%s: %v allocations", form, a)
		}
	}
}

// Example: a process sleeps until a bell changes.
func Example() {
	n, reason := Best()
	if n == nil {
		os.Stdout.WriteString(reason.Error())
		return
	}
	defer n.Close()
	bell := new(atomic.Uint32) // in a peer's page, usually
	go func() {
		bell.Add(1)
		n.Interrupt() // in this process; a peer calls Wake
	}()
	for bell.Load() == 0 {
		_ = n.Wait([]transport.Bell{{Word: bell, Seen: 0, FD: -1}}, 0)
	}
	os.Stdout.WriteString("awake")
	// Output: awake
}

// TestYield: it returns, with and without others on the core.
func TestYield(t *testing.T) {
	for range 100 {
		Yield()
	}
}

// TestWakeIsNotHeldUp: a peer that has filled its descriptor, wholly or but for a little,
// and made it blocking does not stop those who wake it.
func TestWakeIsNotHeldUp(t *testing.T) {
	n := newNotifier(t, "futex")
	for _, count := range []uint64{1<<64 - 2, 1<<64 - 3, 1<<64 - 16, 1<<64 - 1<<56, 1 << 63} {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), "full")
		defer f.Close()
		if _, err := unix.Write(fd, binary.NativeEndian.AppendUint64(nil, count)); err != nil {
			t.Fatal(err)
		}
		if err := Check(f); err != nil {
			t.Error(err)
		}
		woken := make(chan error, 1)
		go func() { woken <- n.Wake(new(atomic.Uint32), fd) }()
		select {
		case err := <-woken:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(testutil.HangGuard):
			t.Fatalf("Wake hangs with a count of %#x", count)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if c := new(transport.CorruptError); !errors.As(Check(w), &c) {
		t.Error("a pipe passes for an eventfd")
	}
}

// TestPark: of any number of Interrupts, before a Park, at the same time or
// after it, one resumes it, once.
func TestPark(t *testing.T) {
	testutil.Audit(t)
	n := newNotifier(t, "eventfd").(*Eventfd)
	var resumed atomic.Int64
	for i := range int64(2000) {
		var wg sync.WaitGroup
		done := make(chan struct{})
		for k := range i % 3 {
			if k == i%2 {
				n.Interrupt()
			} else {
				wg.Go(n.Interrupt)
			}
		}
		n.Park(func() { resumed.Add(1); close(done) }) // a second call panics
		wg.Go(n.Interrupt)
		wg.Wait()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("nothing has resumed it")
		}
		if got := resumed.Load(); got != i+1 {
			t.Fatalf("resumed %d times of %d", got, i+1)
		}
	}
}

// TestEarlyCountsOnce: an Interrupt that came before anybody waited ends one Park or
// one Wait, and not what comes after.
func TestEarlyCountsOnce(t *testing.T) {
	testutil.Audit(t)
	for _, how := range []string{"Park", "Wait"} {
		n := newNotifier(t, "eventfd").(*Eventfd)
		resumed := make(chan struct{}, 1)
		resume := func() { resumed <- struct{}{} }
		n.Interrupt()
		if how == "Wait" {
			wait(t, n)
		} else {
			n.Park(resume)
			<-resumed
		}
		n.Park(resume)
		n.mu.Lock()
		parked := n.parked != nil
		n.mu.Unlock()
		if !parked {
			t.Errorf("an Interrupt has ended a %s, and the Park after it", how)
		}
		n.Interrupt()
		<-resumed
	}
}

// TestWaitsForAnInterrupt: a Wait may return for no reason, but not as a rule: its process
// would poll.
func TestWaitsForAnInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(Eventfd)
		for range 2 {
			over := false
			go func() {
				_ = n.Wait(nil, 0)
				over = true
			}()
			if synctest.Wait(); over {
				t.Error("nobody interrupts it, and it returns")
			}
			n.Interrupt()
			if synctest.Wait(); !over {
				t.Error("it is interrupted, and does not return")
			}
		}
		begin := time.Now()
		if err := n.Wait(nil, time.Hour); err != nil || time.Since(begin) != time.Hour {
			t.Errorf("for an hour: %v, %v", time.Since(begin), err)
		}
	})
}
