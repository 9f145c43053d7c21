package mailbox_test

import (
	"errors"
	"testing"
	"time"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
)

// TestSharedCloses: a set that is closed while a segment of it is announced takes that
// back afterwards and not before: else its receiver would have it for ever, and would hear of
// another one with the same number.
func TestSharedCloses(t *testing.T) {
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
		defer f.Close()
	}
	asked, answer := make(chan bool), make(chan bool)
	heard := make(chan int, 4)
	o := mailbox.NewOutbox(cfg, out, mailbox.Sharing{
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
