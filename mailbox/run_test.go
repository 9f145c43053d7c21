package mailbox_test

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// numbered are messages of several types, so that their sizes differ too.
type (
	numbered struct{ N uint64 }
	worded   struct {
		N    uint64
		Text string
	}
	unknown struct{ N uint64 }
)

var errOdd = errors.New("an odd thing")

// TestRun: messages of all sorts come in order and once, whether they are taken by Run or
// by Next: those that Run does not take it leaves alone, and those that fail and
// those that end the run are counted as they should be.
func TestRun(t *testing.T) {
	for round := range testutil.Rounds(30, 2000) {
		rnd := rand.New(rand.NewPCG(uint64(round), 7))
		out, in := pair(t, mailbox.Config{RingBytes: 4096}.Wire())
		s := &runner{t: t, out: out, in: in, rnd: rnd}
		flatType, wordType := typeOf[numbered](t), typeOf[worded](t)
		s.handlers = mailbox.NewHandlers(map[codec.ID]mailbox.Handler{
			flatType.ID(): func(m *mailbox.Message, body []byte) error {
				var v numbered
				return s.got(m, body, mailbox.Decode(m, flatType, &v), v.N)
			},
			wordType.ID(): func(m *mailbox.Message, body []byte) error {
				var v worded
				return s.got(m, body, mailbox.Decode(m, wordType, &v), v.N)
			},
		})
		for sent := uint64(0); s.next < 500; {
			for range rnd.IntN(30) {
				var err error
				switch rnd.IntN(8) {
				case 0:
					err = mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[unknown](t), &unknown{sent})
				case 1:
					err = mailbox.Send(out, wire.EntryAsk, 5, 0, flatType, &numbered{sent})
				case 2, 3:
					err = mailbox.Send(out, wire.EntryTell, 0, 0, wordType, &worded{sent, string(make([]byte, rnd.IntN(100)))})
				default:
					err = mailbox.Send(out, wire.EntryTell, 0, 0, flatType, &numbered{sent})
				}
				if err == nil {
					sent++
				} else if !errors.Is(err, mailbox.ErrFull) {
					t.Fatal(err)
				}
			}
			s.receive(rnd.IntN(40))
			if s.next > sent {
				t.Fatalf("%d messages came, %d were sent", s.next, sent)
			}
		}
		in.Close()
		out.Close()
	}
}

// runner receives as an actor's loop does.
type runner struct {
	t            *testing.T
	out          *mailbox.Outbox
	in           *mailbox.Inbox
	rnd          *rand.Rand
	handlers     *mailbox.Handlers
	m            mailbox.Message
	next         uint64 // number of the next message
	stop, system atomic.Bool
	failed       bool // the last handler has returned errOdd
}

// got is what every handler does.
func (s *runner) got(m *mailbox.Message, body []byte, err error, n uint64) error {
	s.t.Helper()
	if err != nil || n != s.next || m != &s.m || m.Size() != len(body) || s.stop.Load() || s.system.Load() || s.failed {
		s.t.Fatalf("message %d in place of %d: %v, %d bytes of %d; stopped %v, failed %v",
			n, s.next, err, len(body), m.Size(), s.stop.Load(), s.failed)
	}
	if hand := transport.InFlight(s.out.Peer().Page.InFlight.Load()); hand.State() != transport.HandIn || hand.Seq() != m.Seq() {
		s.t.Fatalf("message %d is in hand, and the word says %d of entry %d, not %d", n, hand.State(), hand.Seq(), m.Seq())
	}
	s.next++
	switch s.rnd.IntN(10) {
	case 0:
		s.failed = true
		return errOdd
	case 1:
		s.stop.Store(true)
	case 2:
		s.system.Store(true)
	}
	return nil
}

// receive takes at most limit messages.
func (s *runner) receive(limit int) {
	s.t.Helper()
	for begun := s.next; s.next < begun+uint64(limit) && s.in.Look(&s.m); {
		before := s.next
		n, err := s.in.Run(&s.m, s.handlers, limit-int(before-begun), &s.stop, &s.system)
		stopped, system := s.stop.Swap(false), s.system.Swap(false)
		if done := s.next - before; (err == nil) == s.failed || s.failed && n+1 != int(done) || !s.failed && n != int(done) || int(done) > limit {
			s.t.Fatalf("%d messages were handled of %d; Run says %d, %v", done, limit, n, err)
		}
		switch {
		case s.failed:
			if n, err := s.in.Run(&s.m, s.handlers, 1, &s.stop, &s.system); n != 0 || err != nil || !s.in.Look(&s.m) {
				s.t.Fatalf("a message is in hand: Run says %d, %v", n, err)
			}
			s.failed = false
			s.in.Done(&s.m) // it is still in hand
		case n == 0 && !stopped && !system:
			s.other()
		}
	}
	s.in.Flush(&s.m)
	if hand := transport.InFlight(s.out.Peer().Page.InFlight.Load()); s.next > 0 && hand.State() != transport.HandDone {
		s.t.Fatalf("nothing is in hand, and the word says %d", hand.State())
	}
}

// other takes a message that Run has left: one that is asked, one without
// handler, or one after padding.
func (s *runner) other() {
	s.t.Helper()
	if err := s.in.Next(&s.m); err != nil {
		s.t.Fatal(err)
	}
	body := s.m.Body()
	if s.m.Type() == typeOf[worded](s.t).ID() {
		var v worded
		_ = s.got(&s.m, body, mailbox.Decode(&s.m, typeOf[worded](s.t), &v), v.N)
	} else {
		n := uint64(0)
		for i := range 8 {
			n |= uint64(body[i]) << (8 * i)
		}
		_ = s.got(&s.m, body, nil, n)
	}
	s.stop.Store(false)
	s.system.Store(false)
	s.failed = false
	s.in.Done(&s.m)
}

// TestKindOfEntry: what stands in a mailbox is told or asked; a sender that puts
// anything else there has broken the rules.
func TestKindOfEntry(t *testing.T) {
	for _, kind := range []uint8{wire.EntryReply, wire.EntryError} {
		out, in := pair(t, mailbox.Config{}.Wire())
		if err := mailbox.Send(out, kind, 0, 0, typeOf[numbered](t), &numbered{1}); err != nil {
			t.Fatal(err)
		}
		var m mailbox.Message
		if err := in.Next(&m); !isCorrupt(err) {
			t.Errorf("kind %d: %v", kind, err)
		}
		in.Close()
		out.Close()
	}
}

// isCorrupt says whether err means that a peer broke the rules.
func isCorrupt(err error) bool { return errors.As(err, new(*transport.CorruptError)) }
