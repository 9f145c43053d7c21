package supervisor

import (
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestLaterComesAmongMuchMail: the next attempt to restart a child comes after what is in
// the mail, and not never, when there is always mail.
func TestLaterComesAmongMuchMail(t *testing.T) {
	s := &Supervisor{engine: &engine{mail: make(chan func(), 64), quit: make(chan struct{})}}
	done, before := make(chan struct{}), 0
	var more func()
	more = func() {
		before++
		select {
		case <-done:
		case s.mail <- more:
		}
	}
	s.mail <- func() {
		s.later = append(s.later, func() { close(done) })
		for range 10 {
			s.mail <- func() { before++ }
		}
		more()
	}
	s.workers.Go(s.loop)
	select {
	case <-done:
	case <-time.After(testutil.HangGuard):
		t.Fatal("it never comes")
	}
	close(s.quit)
	s.workers.Wait()
	if before < 11 {
		t.Errorf("it came before what was in the mail: after %d", before)
	}
}
