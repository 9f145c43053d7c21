package supervisor

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// refusing is a link whose sends fail.
type refusing struct {
	transport.Link
	try, send error
}

func (l refusing) TrySend([]byte, []transport.File) error { return l.try }
func (l refusing) Send([]byte, []transport.File) error    { return l.send }

// deaf is a receiver to which frames cannot be sent.
type deaf struct {
	t   *testing.T
	mu  sync.Mutex
	err error // of the last one
}

func (d *deaf) occupied(wire.Addr) { d.t.Error("occupied") }
func (d *deaf) full()              { d.t.Error("full") }
func (d *deaf) unsent(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// TestFrameThatIsNotSent: when the kernel refuses a frame, at once or later, that
// is told; when its receiver is dead, that is nothing.
func TestFrameThatIsNotSent(t *testing.T) {
	limit := &transport.LimitError{Op: "send", Limit: "RLIMIT_NOFILE", Err: errors.New("too many references")}
	dead := fmt.Errorf("sock: send: %w", transport.ErrClosed)
	for _, tt := range []struct {
		link refusing
		want error
	}{
		{refusing{try: limit}, limit},
		{refusing{try: transport.ErrFull, send: limit}, limit},
		{refusing{try: dead}, nil},
		{refusing{try: transport.ErrFull, send: dead}, nil},
		{refusing{}, nil},
	} {
		var workers sync.WaitGroup
		to := &deaf{t: t}
		q := &queue{link: tt.link, workers: &workers, to: to}
		q.post(&wire.Ready{})
		workers.Wait()
		to.mu.Lock()
		if to.err != tt.want {
			t.Errorf("%+v: %v", tt.link, to.err)
		}
		to.mu.Unlock()
	}
}
