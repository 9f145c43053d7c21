package node

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// heavy is a message whose bytes are in a segment.
type heavy struct {
	N    int
	Lent mailbox.Buffer
}

// withheld is a lane whose segments the supervisor keeps to itself until give is
// called.
type withheld struct {
	*mailbox.Outbox
	s    *script
	from wire.Addr
	kept []lateFrame
}

func (s *script) withheld(from wire.Addr) *withheld {
	w := &withheld{s: s, from: from}
	w.Outbox = s.laneFrom(from, mailbox.Sharing{Announce: func(id uint16, f transport.File, size, class, blocks int) error {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		w.kept = append(w.kept, lateFrame{&wire.Segment{Peer: from, ID: id, Size: uint64(size), Class: uint64(class), Blocks: uint32(blocks)},
			os.NewFile(uintptr(fd), "segment")})
		return nil
	}})
	s.t.Cleanup(func() {
		for _, k := range w.kept {
			k.file.Close()
		}
	})
	return w
}

// give passes on what was withheld.
func (w *withheld) give() {
	w.s.t.Helper()
	for _, k := range w.kept {
		w.s.Say(k.f, k.file)
		k.file.Close()
	}
	w.kept = nil
}

// tell sends the message with that number: heavy, or a note.
func (w *withheld) tell(n int, isHeavy bool) {
	w.s.t.Helper()
	var err error
	if isHeavy {
		var b mailbox.Buffer
		if b, err = w.Lend(5000); err == nil {
			err = mailbox.Send(w.Outbox, wire.EntryTell, 0, 0, typeOf[heavy](w.s.t), &heavy{n, b})
		}
	} else {
		err = mailbox.Send(w.Outbox, wire.EntryTell, 0, 0, typeOf[note](w.s.t), &note{n})
	}
	if err != nil {
		w.s.t.Fatal(err)
	}
}

func typeOf[T any](t *testing.T) *codec.Type {
	t.Helper()
	typ, err := codec.Of[T]()
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// serve runs the actor's loop; the numbers of the messages come out of the channel,
// and stop ends it.
func (s *script) serve() (handled <-chan int, stop func()) {
	ch := make(chan int, 1000)
	var stopped atomic.Bool
	ended := make(chan error, 1)
	h := map[codec.ID]mailbox.Handler{
		typeOf[note](s.t).ID(): func(m *mailbox.Message, _ []byte) error {
			var v note
			err := mailbox.Decode(m, typeOf[note](s.t), &v)
			ch <- v.N
			return err
		},
		typeOf[heavy](s.t).ID(): func(m *mailbox.Message, _ []byte) error {
			var v heavy
			err := mailbox.Decode(m, typeOf[heavy](s.t), &v)
			if len(v.Lent.Bytes()) != 5000 {
				err = fmt.Errorf("%d bytes came", len(v.Lent.Bytes()))
			}
			ch <- v.N
			return err
		},
	}
	go func() {
		_, err := s.node.Serve(h, nil, &stopped)
		ended <- err
	}()
	return ch, func() {
		s.t.Helper()
		stopped.Store(true)
		s.node.Kick()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, ErrEnded) {
				s.t.Error(err)
			}
		case <-time.After(testutil.HangGuard):
			s.t.Fatal("the loop does not end")
		}
	}
}

// want takes the numbers of the next messages.
func want(t *testing.T, handled <-chan int, all ...int) {
	t.Helper()
	for _, n := range all {
		select {
		case got := <-handled:
			if got != n {
				t.Fatalf("message %d was handled when %d came next", got, n)
			}
		case <-time.After(testutil.HangGuard):
			t.Fatalf("message %d was not handled", n)
		}
	}
}

// TestAbsentSegmentHoldsUpNobodyElse: a message names a segment that the supervisor
// has not passed on. Its lane waits, in order; what others send is handled. When the
// segment comes, the lane goes on.
func TestAbsentSegmentHoldsUpNobodyElse(t *testing.T) {
	for round := range testutil.Rounds(20, 500) {
		s := newScript(t)
		s.node.absence = 10 * testutil.HangGuard
		one, other := s.withheld(wire.Addr{ID: 9, Incarnation: 1}), s.withheld(wire.Addr{ID: 8, Incarnation: 1})
		handled, stop := s.serve()
		one.tell(1, false)
		want(t, handled, 1)
		one.tell(2, true)
		one.tell(3, false)
		if round%2 == 0 { // the loop is busy, or sleeps, when the other's comes
			other.tell(4, false)
			want(t, handled, 4)
		}
		other.tell(5, true)
		other.give()
		want(t, handled, 5)
		one.give()
		want(t, handled, 2, 3)
		one.tell(6, true)
		other.tell(7, false)
		if a, b := <-handled, <-handled; a+b != 13 {
			t.Fatalf("%d and %d were handled, not 6 and 7", a, b)
		}
		stop()
		if n := s.node.awaited.Load(); n != 0 {
			t.Errorf("%d lanes are left alone", n)
		}
	}
}

// TestSegmentThatNeverComes: its sender has broken the rules, which is told when the
// bound is over, and only its lane ends; as one that has been read to its end, if the
// sender is dead.
func TestSegmentThatNeverComes(t *testing.T) {
	for _, dead := range []bool{false, true} {
		t.Run(fmt.Sprintf("dead=%v", dead), func(t *testing.T) { neverComes(t, dead) })
	}
}

func neverComes(t *testing.T, dead bool) {
	s := newScript(t)
	s.node.absence = 20 * time.Millisecond
	from := wire.Addr{ID: 9, Incarnation: 1}
	one, other := s.withheld(from), s.withheld(wire.Addr{ID: 8, Incarnation: 1})
	handled, stop := s.serve()
	one.tell(1, true)
	if dead {
		s.Say(&wire.Retire{From: from})
	}
	l := wiretest.Hear[*wire.Letter](s.Peer)
	if l.Reason != wire.LetterCorrupt || l.From != from || !strings.Contains(l.Text, "did not come within 20ms") {
		t.Fatalf("%+v, want a letter about the lane of %v", l, from)
	}
	if dead {
		if f := wiretest.Hear[*wire.Drained](s.Peer); f.From != from {
			t.Fatalf("%+v, want the lane's end", f)
		}
	} else {
		one.give() // too late
	}
	other.tell(2, false)
	want(t, handled, 2)
	stop()
}

// TestAbsentSegmentBeforeASuccessor: while a sender is being replaced, what its
// successor sends waits for the message whose segment has not come, without polling
// for it; and a stop of the actor waits for neither.
func TestAbsentSegmentBeforeASuccessor(t *testing.T) {
	s := newScript(t)
	s.node.absence = 10 * testutil.HangGuard
	older, newer := s.withheld(wire.Addr{ID: 9, Incarnation: 1}), s.withheld(wire.Addr{ID: 9, Incarnation: 2})
	other := s.withheld(wire.Addr{ID: 8, Incarnation: 1})
	handled, stop := s.serve()
	older.tell(1, true)
	newer.tell(2, false)
	for range 3 {
		other.tell(3, false)
		want(t, handled, 3)
	}
	older.give()
	want(t, handled, 1, 2)
	older.tell(4, true)
	want(t, handled, 4) // its segment is there
	last := s.withheld(wire.Addr{ID: 7, Incarnation: 1})
	last.tell(5, true)
	other.tell(6, false)
	want(t, handled, 6)
	stop()
}

// TestDrainWaitsForAnAbsentSegment: an actor that ends after all that is in its
// mailbox has not handled it all while one message waits for its segment.
func TestDrainWaitsForAnAbsentSegment(t *testing.T) {
	s := newScript(t)
	s.node.absence = 10 * testutil.HangGuard
	one := s.withheld(wire.Addr{ID: 9, Incarnation: 1})
	other := s.withheld(wire.Addr{ID: 8, Incarnation: 1})
	handled := make(chan int, 10)
	ended := make(chan error, 1)
	var stop atomic.Bool
	one.tell(1, true)
	s.Say(&wire.Drain{})
	for !s.node.draining.Load() {
		runtime.Gosched()
	}
	go func() {
		reason, err := s.node.Serve(map[codec.ID]mailbox.Handler{
			typeOf[heavy](t).ID(): func(*mailbox.Message, []byte) error { handled <- 1; return nil },
			typeOf[note](t).ID():  func(*mailbox.Message, []byte) error { handled <- 2; return nil },
		}, nil, &stop)
		if err == nil && reason != wire.ReasonShutdown {
			err = errors.New(reason)
		}
		ended <- err
	}()
	other.tell(2, false)
	want(t, handled, 2)
	one.give()
	want(t, handled, 1)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testutil.HangGuard):
		t.Fatal("the loop does not end")
	}
}

// TestSegmentThatALimitKeepsOut: it is this process that cannot map a segment. So its
// sender is not blamed: the actor ends, with that limit as the reason, and its next
// incarnation reads what is there.
func TestSegmentThatALimitKeepsOut(t *testing.T) {
	const size = 32 << 30
	testutil.FileSize(t, size)
	s := newScript(t)
	s.node.absence = time.Millisecond
	from := wire.Addr{ID: 9, Incarnation: 1}
	s.withheld(from).tell(1, true)
	huge := testutil.Sparse(t, size)
	defer huge.Close()
	restore := testutil.Addresses(t, 2<<30)
	s.Say(&wire.Segment{Peer: from, ID: 0, Size: size, Class: size, Blocks: 1}, huge)
	if f := wiretest.Hear[*wire.Failed](s.Peer); !strings.Contains(f.Text, "RLIMIT_AS") {
		t.Errorf("its last words are %q", f.Text)
	}
	s.settle()
	restore()
	ended := make(chan error, 1)
	go func() {
		_, err := s.node.Serve(map[codec.ID]mailbox.Handler{}, nil, new(atomic.Bool))
		ended <- err
	}()
	select {
	case err := <-ended:
		if limit := new(transport.LimitError); !errors.As(err, &limit) {
			t.Errorf("%v, want a limit", err)
		}
	case <-time.After(testutil.HangGuard):
		t.Fatal("the actor goes on")
	}
}

// rounds gives all senders their turns until there is nothing to do, as Serve does,
// and returns the numbers of the notes in the order in which they were handled.
func (s *script) rounds() (handled []int) {
	s.t.Helper()
	s.node.table = mailbox.NewHandlers(map[codec.ID]mailbox.Handler{
		typeOf[note](s.t).ID(): func(m *mailbox.Message, _ []byte) error {
			var v note
			err := mailbox.Decode(m, typeOf[note](s.t), &v)
			handled = append(handled, v.N)
			return err
		},
	})
	var stop atomic.Bool
	for s.node.system.Swap(false) || s.node.round(&stop) {
	}
	return handled
}

// settle returns when the node has handled what was said to it.
func (s *script) settle() {
	s.laneFrom(wire.Addr{ID: 50, Incarnation: 1 + s.settled.Add(1)}, mailbox.Sharing{})
}

// TestAbsentSegmentBeforeTwoSuccessors: the lanes of three incarnations, the first of
// which waits for a segment. The loop sleeps, although the others have something.
func TestAbsentSegmentBeforeTwoSuccessors(t *testing.T) {
	s := newScript(t)
	s.node.absence = 10 * testutil.HangGuard
	var lanes []*withheld
	for k := range uint32(3) {
		lanes = append(lanes, s.withheld(wire.Addr{ID: 9, Incarnation: 1 + k}))
		lanes[k].tell(int(k), k == 0)
	}
	for k := range uint32(2) {
		s.Say(&wire.Retire{From: wire.Addr{ID: 9, Incarnation: 1 + k}})
	}
	s.settle()
	if handled := s.rounds(); len(handled) > 0 {
		t.Errorf("handled: %v", handled)
	}
	if w := (&loopWait{n: s.node}); w.poll() {
		t.Error("there is nothing to do, and the loop does not sleep")
	}
}

// TestSuccessorWaitsForAllBefore: a sender has died and was restarted, and now it is
// replaced, before all that the dead one has sent was read. Its successor's message
// comes after that, also when the one that is replaced has sent nothing.
func TestSuccessorWaitsForAllBefore(t *testing.T) {
	s := newScript(t)
	first := s.withheld(wire.Addr{ID: 9, Incarnation: 1})
	s.withheld(wire.Addr{ID: 9, Incarnation: 2})
	successor := s.withheld(wire.Addr{ID: 9, Incarnation: 3})
	for n := range 2 * turn {
		first.tell(n, false)
	}
	successor.tell(2*turn, false)
	s.Say(&wire.Retire{From: wire.Addr{ID: 9, Incarnation: 1}})
	s.settle()
	if handled := s.rounds(); len(handled) != 2*turn+1 || !slices.IsSorted(handled) {
		t.Errorf("handled: %v", handled)
	}
}

// TestTooMuchThatIsEarly: segments whose lanes never come do not keep out one whose
// lane does, and each that is given up is told of.
func TestTooMuchThatIsEarly(t *testing.T) {
	testutil.Descriptors(t, 128)
	s := newScript(t)
	for n := range maxEarly + 3 {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		s.Say(&wire.Segment{Peer: wire.Addr{ID: uint32(100 + n), Incarnation: 1}, Size: 4096, Class: 4096, Blocks: 1}, null)
		null.Close()
	}
	s.target() // the frames before have been handled
	s.node.mu.Lock()
	n, newest := len(s.node.early), s.node.early[len(s.node.early)-1].f.(*wire.Segment).Peer.ID
	s.node.mu.Unlock()
	if n != maxEarly || newest != 100+maxEarly+2 {
		t.Errorf("%d are kept, the newest for %d", n, newest)
	}
	s.node.Close()
	if n := strings.Count(s.log.String(), "given up"); n != 3 {
		t.Errorf("told of %d: %s", n, s.log.String())
	}
}
