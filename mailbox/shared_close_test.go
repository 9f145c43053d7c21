package mailbox_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/segment"
)

// outboxOf is an outbox whose receiver hears of nothing but s.
func outboxOf(t *testing.T, s mailbox.Sharing) *mailbox.Outbox {
	t.Helper()
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	cfg := mailbox.Config{}.Wire()
	out, _, files, err := lane.Create(lane.Config{Queue: cfg.Queue, Cells: int(cfg.RingBytes)}, 1, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f.Close()
	}
	return mailbox.NewOutbox(cfg, out, s)
}

// TestSharedCloses: a set that is closed while a segment of it is announced takes that
// back afterwards and not before: else its receiver would have it for ever, and would hear of
// another one with the same number.
func TestSharedCloses(t *testing.T) {
	asked, answer := make(chan bool), make(chan bool)
	heard := make(chan int, 4)
	o := outboxOf(t, mailbox.Sharing{
		Announce: func(uint16, transport.File, int, int, int) error {
			asked <- true
			<-answer
			heard <- 1
			return nil
		},
		Retire: func(uint16) error { heard <- -1; return nil },
	})
	defer o.Close()
	set, err := mailbox.NewShared([]*mailbox.Outbox{o}, new(mailbox.SharedIDs))
	if err != nil {
		t.Fatal(err)
	}
	lent, closed := make(chan error), make(chan bool)
	go func() {
		_, err := set.Lend(1 << 10)
		lent <- err
	}()
	<-asked
	go func() { defer close(closed); set.Close() }()
	select {
	case <-closed:
	case <-time.After(50 * time.Millisecond):
	}
	close(answer)
	if err := <-lent; !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Lend: %v", err)
	}
	<-closed
	if a, b := <-heard, <-heard; a != 1 || b != -1 {
		t.Errorf("the receiver hears %d before %d", a, b)
	}
}

// TestSharedClosesWhileLent: a set takes nothing back of which somebody has just lent a
// block: it would be sent, and its receivers could not read it.
func TestSharedClosesWhileLent(t *testing.T) {
	var retired atomic.Bool
	o := outboxOf(t, mailbox.Sharing{
		Announce: func(uint16, transport.File, int, int, int) error { return nil },
		Retire:   func(uint16) error { retired.Store(true); return nil },
	})
	defer o.Close()
	ids := new(mailbox.SharedIDs)
	for range testutil.Rounds(2000, 100_000) {
		retired.Store(false)
		set, err := mailbox.NewShared([]*mailbox.Outbox{o}, ids)
		if err != nil {
			t.Fatal(err)
		}
		b, err := set.Lend(1)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
		begun, lent := make(chan bool), make(chan mailbox.Buffer)
		go func() {
			close(begun)
			for { // until one is not given back, or the set is closed
				b, err := set.Lend(1)
				if err != nil || set.Closed() {
					lent <- b
					return
				}
				b.Release()
			}
		}()
		<-begun
		set.Close()
		if b := <-lent; b.Len() > 0 && retired.Load() {
			t.Fatal("a buffer is lent, and its receiver has been told to forget it")
		} else {
			b.Release()
		}
		if !set.Close() { // now, if it was not idle before
			t.Fatal("nothing is out, and the set is not retired")
		}
	}
}

// TestSharedIsRetiredLater: a set that was closed while a buffer was lent is retired when
// it has come back, or its receivers would have it for ever, and its number would never be
// free.
func TestSharedIsRetiredLater(t *testing.T) {
	heard := 0
	o := outboxOf(t, mailbox.Sharing{
		Announce: func(uint16, transport.File, int, int, int) error { heard++; return nil },
		Retire:   func(uint16) error { heard--; return nil },
	})
	defer o.Close()
	ids := new(mailbox.SharedIDs)
	set, err := mailbox.NewShared([]*mailbox.Outbox{o}, ids)
	if err != nil {
		t.Fatal(err)
	}
	b, err := set.Lend(1 << 10)
	if err != nil {
		t.Fatal(err)
	}
	if set.Close() || heard != 1 {
		t.Errorf("with a buffer lent, receivers have %d segments of it, want 1", heard)
	}
	b.Bytes()[0] = 1
	b.Release()
	if !set.Close() || heard != 0 {
		t.Errorf("afterwards they have %d, want 0", heard)
	}
	ids.Spend()
	if set, err = mailbox.NewShared([]*mailbox.Outbox{o}, ids); err != nil {
		t.Fatal(err)
	}
	if b, err = set.Lend(1); err != nil {
		t.Fatalf("its number is not free: %v", err)
	}
	b.Release()
	set.Close()
}

// TestSegmentsOfASet: a process with many sets of many actors has the supervisor keep less
// than that keeps for one.
func TestSegmentsOfASet(t *testing.T) {
	for members := 1; members <= 1000; members++ {
		n := mailbox.SegmentsFor(members)
		if n < 2 || n > segment.MaxViewSegments || members <= 384 && n*members*segment.MaxSharing > 12<<10 {
			t.Fatalf("%d segments for each of %d members", n, members)
		}
	}
}
