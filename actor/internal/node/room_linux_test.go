package node

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// keepSegments is a supervisor that keeps all segments to itself, and hears of
// nothing else.
func (s *script) keepSegments() {
	for {
		buf := make([]byte, wire.MaxFrame)
		n, files, err := s.Link.Receive(buf)
		if err != nil {
			return
		}
		closeFiles(files)
		if f, err := wire.Parse(buf[:n]); err == nil {
			if f, ok := f.(*wire.Segment); ok {
				_ = s.Link.Send(wire.Append(nil, &wire.Ack{Token: f.Token}), nil)
			}
		}
	}
}

// ended is a context that has ended.
func ended() context.Context {
	ctx, end := context.WithCancel(background)
	end()
	return ctx
}

// roomEvents are what makes room without a bell. Each prepares something first.
var roomEvents = map[string]func(t *testing.T, s *script, target *Target) (event func()){
	"the target leaves": func(t *testing.T, s *script, target *Target) func() {
		return func() { s.Say(&wire.Leaving{ID: 2}) }
	},
	"the target has ended": func(t *testing.T, s *script, target *Target) func() {
		return func() { target.end(&GoneError{Lost: errTooMany}) }
	},
	"an urgent message is given up": func(t *testing.T, s *script, target *Target) func() {
		return func() {
			if err := target.UrgentWhenFull(ended(), mailbox.ErrFull, func() error { return mailbox.ErrFull }, nil); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	},
	"a buffer is released unsent": func(t *testing.T, s *script, target *Target) func() {
		return mustLend(t, target, 100).Release
	},
	"a message with a buffer is dropped": func(t *testing.T, s *script, target *Target) func() {
		b := mustLend(t, target, 100)
		return func() { mailbox.Discard(typeOf[heavy](t), &heavy{1, b}) }
	},
	"a large one is given up": func(t *testing.T, s *script, target *Target) func() {
		b := mustLend(t, target, 20<<10)
		if err := mailbox.Send(target.box, wire.EntryTell, 0, 0, typeOf[heavy](t), &heavy{1, b}); err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithCancel(background)
		refused := make(chan error, 1)
		go func() {
			refused <- target.WhenFull(ctx, mailbox.ErrFull, func() error { _, err := target.box.Lend(200 << 10); return err }, nil)
		}()
		for { // until the small ones make way for it
			b, err := target.box.Lend(20 << 10)
			if errors.Is(err, mailbox.ErrFull) {
				break
			}
			b.Release()
			runtime.Gosched()
		}
		return func() {
			giveUp()
			if err := <-refused; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	},
}

func mustLend(t *testing.T, target *Target, n int) mailbox.Buffer {
	t.Helper()
	b, err := target.box.Lend(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRoomThatNoBellTellsOf: who waits for room, is the waiter and sleeps, looks
// again when there may be some for a reason that is in this process.
func TestRoomThatNoBellTellsOf(t *testing.T) {
	for what, prepare := range roomEvents {
		t.Run(what, func(t *testing.T) {
			s := newScript(t)
			target, _, file := s.opened(mailbox.Config{PoolBytes: 256 << 10}.Wire())
			defer file.Close()
			go s.keepSegments()
			var room atomic.Bool
			waiter := make(chan error, 1)
			go func() {
				waiter <- s.node.whenRoom(background, []*Target{target}, func() error {
					if room.Load() {
						return nil
					}
					return mailbox.ErrFull
				})
			}()
			// It has looked again after a time, and will not any more; and it sleeps.
			const asleep = transport.StateArmed | transport.StateHurry
			for target.box.Sleep().State.Load()&asleep != asleep {
				runtime.Gosched()
			}
			event := prepare(t, s, target)
			for target.box.Sleep().State.Load()&asleep != asleep {
				runtime.Gosched()
			}
			room.Store(true)
			event()
			select {
			case err := <-waiter:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(testutil.HangGuard):
				t.Error("it sleeps on")
				s.node.cfg.Notifier.Interrupt()
			}
		})
	}
}

// TestAnswerFindsReleasedBlock: an answer that waits for a block finds one that was
// lent for another and released unsent.
func TestAnswerFindsReleasedBlock(t *testing.T) {
	s := newScript(t)
	asker := s.lane(1)
	go s.keepSegments()
	typ := typeOf[note](t)
	if err := mailbox.Send(asker, wire.EntryAsk, transport.ReplySlots, 0, typ, &note{1}); err != nil {
		t.Fatal(err)
	}
	var room, stop atomic.Bool
	lent, served := make(chan mailbox.Buffer, 1), make(chan error, 1)
	go func() {
		_, err := s.node.Serve(map[codec.ID]mailbox.Handler{typ.ID(): func(m *mailbox.Message, _ []byte) error {
			defer stop.Store(true)
			b, err := m.Box.Lend(0) // the mailbox of a script is of size 0
			if err != nil {
				return err
			}
			lent <- b
			err = s.node.ReplyWhenRoom(m, func() error {
				if room.Load() {
					return nil
				}
				return mailbox.ErrFull
			})
			if err != nil {
				t.Error(err)
			}
			return err
		}}, nil, &stop)
		served <- err
	}()
	b := <-lent
	state := s.node.inboxOf(wire.Addr{ID: 9, Incarnation: 1}).Sleep().State
	const asleep = transport.StateArmed | transport.StateWantRoom
	for state.Load()&asleep != asleep {
		runtime.Gosched()
	}
	room.Store(true)
	b.Release()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// inHand serves a node that has an ask in hand, whose handler runs f with it.
func (s *script) inHand(asker *mailbox.Outbox, f func(m *mailbox.Message)) (served chan error) {
	s.t.Helper()
	typ := typeOf[note](s.t)
	if err := mailbox.Send(asker, wire.EntryAsk, transport.ReplySlots, 0, typ, &note{1}); err != nil {
		s.t.Fatal(err)
	}
	served = make(chan error, 1)
	var stop atomic.Bool
	go func() {
		_, err := s.node.Serve(map[codec.ID]mailbox.Handler{typ.ID(): func(m *mailbox.Message, _ []byte) error {
			defer stop.Store(true)
			f(m)
			return nil
		}}, nil, &stop)
		served <- err
	}()
	return served
}

// TestAnswersThatWaitTogether: of two goroutines of a handler that wait for a block,
// the one that has got one leaves the other's wish with the asker.
func TestAnswersThatWaitTogether(t *testing.T) {
	s := newScript(t)
	asker := s.lane(1)
	go s.keepSegments()
	served := s.inHand(asker, func(m *mailbox.Message) {
		b := s.node.inboxOf(wire.Addr{ID: 9, Incarnation: 1})
		wants := func() bool { return b.Sleep().State.Load()&transport.StateWantRoom != 0 }
		var room [2]atomic.Bool
		var got [2]chan error
		for i := range got {
			got[i] = make(chan error, 1)
			go func() {
				got[i] <- s.node.ReplyWhenRoom(m, func() error {
					if room[i].Load() {
						return nil
					}
					return mailbox.ErrFull
				})
			}()
		}
		for b.wanted.Load() < 2 {
			runtime.Gosched()
		}
		for i := range got {
			if !wants() {
				t.Errorf("the asker is not told that %d more wait", len(got)-i)
			}
			room[i].Store(true)
			b.rang()
			s.node.cfg.Notifier.Interrupt()
			if err := <-got[i]; err != nil {
				t.Error(err)
			}
		}
		if wants() {
			t.Error("the asker is told that somebody waits, and nobody does")
		}
	})
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// forEver is a wait for nothing.
type forEver struct{}

func (forEver) ready() bool { return false }
func (forEver) poll() bool  { return false }
func (forEver) loop() bool  { return false }
func (forEver) width() int  { return 0 }

// TestAnswersHearTogether: all goroutines of a handler that wait for a block look again
// when the asker has given some back, while another goroutine is the waiter.
func TestAnswersHearTogether(t *testing.T) {
	s := newScript(t)
	asker := s.lane(1)
	go s.keepSegments()
	ctx, end := context.WithCancel(background)
	other := make(chan struct{})
	go func() {
		defer close(other)
		_ = s.node.await(ctx, forEver{}, nil)
	}()
	for len(s.node.role) > 0 {
		runtime.Gosched()
	}
	served := s.inHand(asker, func(m *mailbox.Message) {
		var room atomic.Int32 // for so many
		const n = 3
		var looked atomic.Int32
		got := make(chan error, n)
		for range n {
			go func() {
				got <- s.node.ReplyWhenRoom(m, func() error {
					looked.Add(1)
					for k := room.Load(); k > 0; k = room.Load() {
						if room.CompareAndSwap(k, k-1) {
							return nil
						}
					}
					return mailbox.ErrFull
				})
			}()
		}
		begun := time.Now()
		for i, k := range []int32{1, n - 1} { // the one that goes first takes nobody with it
			for looked.Load() < int32(i+1)*n {
				runtime.Gosched()
			}
			room.Store(k)
			if err := mailbox.Send(asker, wire.EntryTell, 0, 0, typeOf[note](t), &note{2}); err != nil { // it rings
				t.Error(err)
			}
			for range k {
				if err := <-got; err != nil {
					t.Error(err)
				}
			}
		}
		if d := time.Since(begun); d >= replyWait {
			t.Errorf("they looked again after %v, when their time was over", d)
		}
	})
	if err := <-served; err != nil {
		t.Error(err)
	}
	end()
	<-other
}

// TestWaitEndsThoughRoomComes: a wait for room, which others always get before it does,
// ends with its context.
func TestWaitEndsThoughRoomComes(t *testing.T) {
	s := newScript(t)
	target, _, file := s.opened(mailbox.Config{}.Wire())
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := s.node.whenRoom(ctx, []*Target{target}, func() error {
		if tries++; tries == 100 {
			cancel()
		}
		if tries < 1000 {
			target.room()
		}
		return mailbox.ErrFull
	})
	if !errors.Is(err, context.Canceled) || tries != 100 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

// TestReplyEndsThoughRoomComes is the same for an answer, which ends with the deadline of
// its ask.
func TestReplyEndsThoughRoomComes(t *testing.T) {
	s := newScript(t)
	asker := s.lane(1)
	go s.keepSegments()
	served := s.inHand(asker, func(m *mailbox.Message) {
		b := s.node.inboxOf(wire.Addr{ID: 9, Incarnation: 1})
		deadline := Monotonic() + int64(10*time.Millisecond)
		m.Head.Deadline = deadline
		err := s.node.ReplyWhenRoom(m, func() error {
			if Monotonic() < deadline+int64(time.Second) {
				b.rang()
			}
			return mailbox.ErrFull
		})
		if !errors.Is(err, mailbox.ErrFull) {
			t.Error(err)
		}
		if late := time.Duration(Monotonic() - deadline); late > time.Second {
			t.Errorf("it ended %v after its deadline", late)
		}
	})
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestAnswerForNobody: an answer that waits for a block waits no longer when nobody will
// look at it: its asker has given it up, or is dead.
func TestAnswerForNobody(t *testing.T) {
	for what, event := range map[string]func(*script, *mailbox.Outbox){
		"given up": func(_ *script, asker *mailbox.Outbox) { asker.Cancel(0, transport.ReplySlots) },
		"dead":     func(s *script, _ *mailbox.Outbox) { s.Say(&wire.Retire{From: wire.Addr{ID: 9, Incarnation: 1}}) },
	} {
		t.Run(what, func(t *testing.T) {
			s := newScript(t)
			asker, state := s.laneAndState()
			go s.keepSegments()
			var tries atomic.Int32
			served := s.inHand(asker, func(m *mailbox.Message) {
				begun := time.Now()
				err := s.node.ReplyWhenRoom(m, func() error {
					tries.Add(1)
					return mailbox.ErrFull
				})
				if took := time.Since(begun); !errors.Is(err, mailbox.ErrFull) || took >= replyWait {
					t.Errorf("%v after %v", err, took)
				}
			})
			const asleep = transport.StateArmed | transport.StateWantRoom
			for tries.Load() == 0 || state.Load()&asleep != asleep {
				runtime.Gosched()
			}
			event(s, asker)
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestContentionPauses: a sender that was in contention pauses, each time twice as long; any
// other does not.
func TestContentionPauses(t *testing.T) {
	s := newScript(t)
	var r restraint
	for i := range 4 {
		r.pause(t.Context(), s.node, 0)
		begun := time.Now()
		r.pause(t.Context(), s.node, 1)
		if took := time.Since(begun); r.times != i+1 || took < firstPause<<i {
			t.Errorf("pause %d, the %dth, took %v", i+1, r.times, took)
		}
	}
}
