package supervisor

import (
	"slices"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// shy is a link that takes frames only when it is told to.
type shy struct {
	transport.Link
	take chan struct{}
	got  []wire.Frame
}

func (l *shy) TrySend([]byte, []transport.File) error { return transport.ErrFull }
func (l *shy) Send(b []byte, _ []transport.File) error {
	<-l.take
	f, err := wire.Parse(b)
	l.got = append(l.got, f)
	return err
}
func (l *shy) Close() error { return nil }

// reports is a receiver that remembers what it was told.
type reports struct {
	whole int
	by    []wire.Addr
}

func (r *reports) full()                 { r.whole++ }
func (r *reports) unsent(error)          {}
func (r *reports) occupied(by wire.Addr) { r.by = append(r.by, by) }

// TestFramesThatWait: those because of others are counted for each of them, and are not
// held against the process that they wait for; when they have been sent, they count no more.
func TestFramesThatWait(t *testing.T) {
	var workers sync.WaitGroup
	l, to := &shy{take: make(chan struct{})}, &reports{}
	a, b := wire.Addr{ID: 1, Incarnation: 1}, wire.Addr{ID: 2, Incarnation: 1}
	// So many have waited for long.
	q := &queue{link: l, workers: &workers, to: to, caused: map[wire.Addr]int{a: maxCaused - 2, b: maxCaused - 1}, busy: true, own: maxQueue - 1}
	for range 2 {
		q.postFor(a, &wire.Ready{})
	}
	q.postFor(b, &wire.Trap{})
	q.post(&wire.Ready{})
	if to.whole != 0 || to.by != nil || len(q.frames) != 4 || q.own != maxQueue {
		t.Fatalf("%d frames, %d of its own, %+v", len(q.frames), q.own, to)
	}
	q.postFor(b, &wire.Trap{})
	q.postFor(b, &wire.Trap{})
	if want := []wire.Addr{b, b}; !slices.Equal(to.by, want) || to.whole != 0 || len(q.frames) != 4 {
		t.Errorf("%d frames, %+v", len(q.frames), to)
	}
	close(l.take)
	q.run()
	if len(l.got) != 4 || q.caused[a] != maxCaused-2 || q.caused[b] != maxCaused-1 || q.own != 0 {
		t.Errorf("%d frames were sent, %v and %d are counted", len(l.got), q.caused, q.own)
	}
	q.caused = nil
	q.postFor(b, &wire.Ready{})
	workers.Wait()
	if len(to.by) != 2 || len(q.caused) != 0 || len(l.got) != 5 {
		t.Errorf("%d frames, %v are counted, %+v", len(l.got), q.caused, to)
	}
	q.busy, q.own = true, maxQueue
	q.post(&wire.Ready{})
	if to.whole != 1 {
		t.Errorf("%+v", to)
	}
}

// TestMembersThatWait: of one pool only the newest members wait, in the place of the
// first.
func TestMembersThatWait(t *testing.T) {
	var workers sync.WaitGroup
	l := &shy{take: make(chan struct{})}
	q := &queue{link: l, workers: &workers, to: &reports{}}
	q.mu.Lock()
	q.busy = true // so that all wait
	q.mu.Unlock()
	for i := range uint32(1000) {
		q.post(&wire.Members{ID: 1, Members: []uint32{i}})
		q.post(&wire.Members{ID: 2, Members: []uint32{i, i}})
		if i == 0 {
			q.post(&wire.Ready{})
		}
	}
	close(l.take)
	q.run()
	if len(l.got) != 3 || l.got[2].Kind() != wire.KindReady {
		t.Fatalf("%d frames were sent, want the members of two and one after them", len(l.got))
	}
	for i, f := range l.got[:2] {
		m := f.(*wire.Members)
		if m.ID != uint32(i+1) || len(m.Members) != i+1 || m.Members[0] != 999 {
			t.Errorf("%+v", m)
		}
	}
	l.got = nil
	q.post(&wire.Members{ID: 1})
	workers.Wait()
	if len(l.got) != 1 {
		t.Errorf("%d frames after all were sent", len(l.got))
	}
}
