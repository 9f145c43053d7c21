package supervisor

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutputBound: a reader that hangs gets, when it reads again, what there was room for,
// in order, and how many lines are missing. An end waits for it only once.
func TestOutputBound(t *testing.T) { synctest.Test(t, outputBound) }

func outputBound(t *testing.T) {
	var got []byte // the first byte of each
	var lost []uint64
	var dropped atomic.Uint64
	gate := make(chan struct{})
	o := &output{dropped: &dropped, lost: func(n uint64) { lost = append(lost, n) }, emit: func(b []byte) {
		<-gate
		got = append(got, b[0])
	}}
	half := bytes.Repeat([]byte("-"), maxOutput/2)
	write := func(first byte) {
		t.Helper()
		half[0] = first // the buffer is the writer's again
		if n, err := o.Write(half); n != len(half) || err != nil {
			t.Error(n, err)
		}
	}
	flush := func(want time.Duration) {
		t.Helper()
		begun := time.Now()
		if o.flush(); time.Since(begun) != want {
			t.Errorf("it waited for %v, not %v", time.Since(begun), want)
		}
	}
	flush(0)
	write('a')
	synctest.Wait() // the reader has it, and hangs
	write('b')
	for _, text := range []string{"two\nlines\n", "part of one"} {
		if n, err := o.Write([]byte(text)); n != len(text) || err != nil {
			t.Error(n, err)
		}
	}
	if n := dropped.Load(); n != 3 {
		t.Errorf("%d lines are counted as dropped", n)
	}
	flush(flushTime)
	flush(0) // it hangs
	gate <- struct{}{}
	synctest.Wait()
	write('c') // there is room again
	flush(flushTime)
	time.AfterFunc(flushTime/2, func() { gate <- struct{}{} })
	gate <- struct{}{}
	synctest.Wait()
	flush(flushTime / 2) // it reads again
	if string(got) != "abc" || !slices.Equal(lost, []uint64{3}) {
		t.Errorf("%q came, and that %d are missing", got, lost)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bytes != 0 || o.idle != nil || dropped.Load() != 3 {
		t.Errorf("%d bytes are left, %v, %d lines dropped", o.bytes, o.idle, dropped.Load())
	}
}
