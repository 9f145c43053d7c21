package transporttest

import (
	"runtime"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// Bursts runs the suite for a sender that sends in bursts and then waits until everything
// is handled: with a ring over 256 KiB it often starts over early, by padding.
func Bursts(t *testing.T, f Form) {
	each(t, func(t *testing.T) *stage { return newStage(t, f) },
		[]rule[*stage]{
			{"bursts", "the sender of a large ring goes round in its first part while the receiver keeps up", bursts},
			{"receiver dies at padding", "an entry in hand behind padding is handled by the successor, or passed over, and what follows by the next", diesAtPadding},
			{"receiver killed in bursts", "whenever receivers are killed, every entry is handled, in doubt or kept, none twice, in order", killedInBursts},
			{"sender killed in bursts", "what was committed before a death is received, whole and in order", sendersKilledInBursts},
		})
}

// burst is the most entries of one: some that a ring of 1 MiB does not hold. Every fourth has
// burstSize bytes at most, the others are small.
const (
	burst     = 4000
	burstSize = 4096
)

// bursts: most padding is more than an entry's.
func bursts(s *stage) {
	s.receiver.Send("run")
	total := uint64(testutil.Rounds(100, 5000))
	anew := s.sender.do(s.t, "bursts "+itoa(total))
	s.t.Logf("%d laps begun anew in %d bursts", anew, total)
	if anew == 0 {
		s.t.Error("no lap was begun anew")
	}
	for s.page.Head.Load() != s.sendPage().Tail.Load() && alive(s.receiver.PID()) {
		runtime.Gosched()
	}
	if !alive(s.receiver.PID()) {
		s.t.Errorf("the receiver has ended: %s", s.receiver.Stderr())
	}
}

// diesAtPadding: padding belongs to the entry after it, also for the successor of a dead receiver.
func diesAtPadding(s *stage) {
	s.sender.do(s.t, "most "+itoa(burstSize))
	number, before := uint64(0), uint64(0)
	for ; ; number++ {
		s.sender.do(s.t, "send 1")
		tail := s.sendPage().Tail.Load()
		if tail-before > uint64(s.form.Cells)/ring.CellBytes/4 {
			break
		}
		before = tail
		s.receiver.do(s.t, "read 1")
	}
	s.sender.do(s.t, "send 3")
	var at transport.Place
	for range 3 {
		s.receiver.do(s.t, "hold")
		s.receiver.Kill()
		s.receiver.Wait()
		r, got := s.inquest(at)
		if !r.InHand || got != number || r.At != before || r.Entry.Seq != before {
			s.t.Fatalf("entry %d at %d was in hand: found entry %d at %d and %d, in hand is %v", number, before, got, r.At, r.Entry.Seq, r.InHand)
		}
		if past := r.Past().Seq; past <= before+uint64(s.form.Cells)/ring.CellBytes/4 {
			s.t.Fatalf("what follows entry %d at %d begins at %d", number, before, past)
		}
		at = r.Again()
		s.resume(at, number)
	}
	s.receiver.do(s.t, "read 2") // it, and one that follows
	s.receiver.do(s.t, "hold")
	s.receiver.Kill()
	s.receiver.Wait()
	r, got := s.inquest(at)
	if !r.InHand || got != number+2 {
		s.t.Fatalf("entry %d was in hand: found %d, in hand is %v", number+2, got, r.InHand)
	}
	s.resume(r.Past(), number+3)
	s.receiver.Send("read 201")
	s.sender.do(s.t, "send 200")
	s.receiver.Expect("read 201")
}

func killedInBursts(s *stage) {
	s.moment = 20 * time.Millisecond
	s.killAll("bursts 0")
}

func sendersKilledInBursts(s *stage) {
	for range testutil.Rounds(5, 100) {
		s.sender.Send("bursts 0")
		s.receiver.do(s.t, "read 20000")
		s.sender.Kill()
		s.sender.Wait()
		s.receiver.do(s.t, "drain") // each entry is checked
		if head, tail := s.page.Head.Load(), s.sendPage().Tail.Load(); head != tail {
			s.t.Fatalf("entries up to %d were sent, up to %d received", tail, head)
		}
		s.drop()
		s = newStage(s.t, s.form)
	}
}

// bursts sends n bursts of entries, or an endless number, and returns how often it has started
// over early. Between them it waits until all is handled, but not for long if nobody is there.
func (s *sender) bursts(n uint64) (anew uint64) {
	for i := uint64(0); n == 0 || i < n; i++ {
		for k := range 1 + i*i*7919%burst {
			s.least, s.most = 8, 40
			if k%4 == 0 {
				s.most = burstSize
			}
			before, number := s.out.Next(), s.counts[normal]
			s.sendOne(normal)
			took := uint64(sizeOf(number, s.most)+ring.CellBytes) / ring.CellBytes
			if s.out.Next()-before > took+uint64(s.most) {
				anew++
			}
			if i%3 > 0 && k%16 == 0 { // keeps step
				s.settle()
			}
		}
		s.settle()
	}
	return anew
}

// settle waits until the receiver has dealt with everything.
func (s *sender) settle() {
	for range 10_000 {
		if s.handled() {
			return
		}
		runtime.Gosched()
	}
}

// handled reports whether the receiver has dealt with everything and given the room back.
func (s *sender) handled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.out.Peer()
	return s.out.Unhandled() == 0 && p != nil && p.Page.Head.Load() == s.out.Next()
}
