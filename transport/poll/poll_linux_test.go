package poll_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport/poll"
)

func TestMain(m *testing.M) { testutil.Main(m) }

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// await fails the test when ch says nothing.
func await(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(testutil.HangGuard):
		t.Fatal(what)
	}
}

func start(t *testing.T, f *os.File, ready func()) *poll.Watch {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	w, err := poll.Start(raw, ready)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWatch: one call for what is there, the next after Again, and one for the
// end.
func TestWatch(t *testing.T) {
	testutil.Audit(t)
	r, w := pipe(t)
	rang := make(chan struct{}, 16)
	watch := start(t, r, func() { rang <- struct{}{} })
	fmt.Fprint(w, "one")
	await(t, rang, "nothing was said of the first bytes")
	fmt.Fprint(w, "two")
	if n := len(rang); n != 0 {
		t.Errorf("%d calls without Again", n)
	}
	if !watch.Again() {
		t.Error("Again of a watch that was not stopped")
	}
	await(t, rang, "nothing was said of bytes that were there at Again")
	if _, err := r.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	watch.Again()
	w.Close()
	await(t, rang, "nothing was said of the end")
	if watch.Stop() {
		t.Error("a watch that has called was waiting")
	}
	if watch.Again() {
		t.Error("Again of a watch that was stopped")
	}
}

// TestStop: who has stopped a watch that waits is sure that no call comes, also
// for a descriptor that gets the same number.
func TestStop(t *testing.T) {
	testutil.Descriptors(t, 256)
	testutil.Audit(t)
	for range 100 {
		r, w := pipe(t)
		var calls atomic.Int32
		watch := start(t, r, func() { calls.Add(1) })
		var wg sync.WaitGroup
		wg.Go(func() { fmt.Fprint(w, "x") })
		waited := watch.Stop()
		wg.Wait()
		r.Close()
		w.Close()
		again, _ := pipe(t)
		other := start(t, again, func() { calls.Add(100) })
		if n := calls.Load(); n > 1 || waited && n > 0 {
			t.Fatalf("%d calls; it was waiting: %v", n, waited)
		}
		other.Stop()
	}
}

// TestStopAgain: a watch that was stopped leaves a later one of the same descriptor alone.
func TestStopAgain(t *testing.T) {
	testutil.Audit(t)
	r, w := pipe(t)
	first := start(t, r, func() { t.Error("a call of a watch that was stopped") })
	other, _ := pipe(t)
	defer start(t, other, func() {}).Stop()
	if !first.Stop() {
		t.Error("it was not waiting")
	}
	rang := make(chan struct{}, 1)
	second := start(t, r, func() { rang <- struct{}{} })
	defer second.Stop()
	if first.Stop() || first.Again() {
		t.Error("it was stopped twice, or goes on")
	}
	fmt.Fprint(w, "x")
	await(t, rang, "the later watch says nothing")
}

// TestShutdown: the end is said of a socket that its peer has only closed for writing.
func TestShutdown(t *testing.T) {
	testutil.Audit(t)
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_SEQPACKET} {
		fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, b := os.NewFile(uintptr(fds[0]), "here"), os.NewFile(uintptr(fds[1]), "there")
		rang := make(chan struct{}, 1)
		watch := start(t, a, func() { rang <- struct{}{} })
		if err := unix.Shutdown(fds[1], unix.SHUT_WR); err != nil {
			t.Fatal(err)
		}
		await(t, rang, "nothing was said of the end")
		watch.Stop()
		a.Close()
		b.Close()
	}
}

// TestMany: each of many says what it has to, however they come together.
func TestMany(t *testing.T) {
	testutil.Descriptors(t, 256)
	testutil.Audit(t)
	const n, rounds = 100, 20
	var left sync.WaitGroup
	left.Add(n)
	for range n {
		r, w := pipe(t)
		var watch *poll.Watch
		made := make(chan struct{})
		got := 0
		watch = start(t, r, func() {
			go func() {
				<-made
				k, _ := r.Read(make([]byte, 1))
				if got += k; got == rounds {
					watch.Stop()
					left.Done()
					return
				}
				watch.Again()
			}()
		})
		close(made)
		go func() {
			for range rounds {
				fmt.Fprint(w, "x")
			}
		}()
	}
	done := make(chan struct{})
	go func() { left.Wait(); close(done) }()
	await(t, done, "a byte was missed")
}

// TestClosed: a descriptor that was closed without Stop is no harm.
func TestClosed(t *testing.T) {
	testutil.Audit(t)
	r, _ := pipe(t)
	watch := start(t, r, func() {})
	r.Close()
	if watch.Again() {
		t.Error("Again of a descriptor that is closed")
	}
	watch.Stop()
	if _, err := poll.Start(must(r.SyscallConn()), func() {}); err == nil {
		t.Error("a closed descriptor is watched")
	}
}

func must[T any](v T, _ error) T { return v }
