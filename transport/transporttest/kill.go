package transporttest

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
)

// place is where in the lane a receiver stands.
type place struct {
	seq    uint64
	number uint64 // of the entry there, counted from the lane's first
	carry  []byte // that entry, if it has left the queue
}

// killed kills receivers in full run, one after the other. Each entry must be
// in the queue, in a record, or dealt with: the successors check that every
// entry comes once and in order. The one in hand at a death is given up here.
func killed(s *stage) {
	s.sender.Send("flood 8") // numbered entries, for ever
	rounds := testutil.Rounds(30, 1000)
	carried, doubts := 0, 0
	var at place
	for i := range rounds {
		if i > 0 {
			s.newReceiver(at.seq, at.carry)
		}
		s.receiver.do(s.t, "from "+itoa(at.number))
		s.receiver.Send("run")
		s.runs(at.seq, i%4 != 0) // some die at once
		s.receiver.Kill()
		if st := s.receiver.Wait(); st.Exited() {
			s.t.Fatalf("receiver %d ended by itself after entry %d: %v\n%s", i, at.number, st, s.receiver.Stderr())
		}
		s.receiver.link.Close()
		doubt := false
		if at, doubt = s.inquest(at); doubt {
			doubts++
		}
		if at.carry != nil {
			carried++
		}
	}
	s.newReceiver(at.seq, at.carry)
	s.sender.Kill()
	s.sender.Wait()
	s.receiver.do(s.t, "from "+itoa(at.number))
	rest := s.receiver.do(s.t, "drain")
	end := max(s.receiver.do(s.t, "where"), at.seq)
	// The sender may have died between an entry and its tail.
	if tail := s.sendPage().Tail.Load(); end != tail && end != tail+1 {
		s.t.Errorf("entries up to %d were sent, up to %d received", tail, end)
	}
	s.t.Logf("%d kills, %d entries, lost 0; carried %d times, in doubt %d times", rounds, at.number+rest, carried, doubts)
}

// runs waits until the receiver has read something, if it is to, and then for
// a moment.
func (s *stage) runs(start uint64, some bool) {
	for some && s.page.Head.Load() < start+20 && alive(s.receiver.PID()) {
		runtime.Gosched()
	}
	// This makes the moment of the kill random; nothing waits for it.
	moment := time.Duration(rand.Int64N(int64(time.Millisecond)))
	for begin := time.Now(); time.Since(begin) < moment; {
		runtime.Gosched()
	}
}

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	return p.Signal(syscall.Signal(0)) == nil
}

// inquest says where the successor of a dead receiver begins, and whether an
// entry was in hand.
func (s *stage) inquest(began place) (next place, doubt bool) {
	s.t.Helper()
	form, err := lane.FormOf(s.form.Queue)
	if err != nil {
		s.t.Fatal(err)
	}
	send := s.sendPage()
	r := form.Remains(send, s.page, transport.Place{Seq: began.seq, Carry: began.carry})
	if r.At < began.seq {
		s.t.Fatalf("a receiver went back from %d to %d", began.seq, r.At)
	}
	next = place{seq: r.At, number: r.At}
	if form.Create == nil { // a ring counts cells, and the entry has its number
		for r.Entry.Bytes == nil { // the sender is alive and has more
			runtime.Gosched()
			r = form.Remains(send, s.page, transport.Place{Seq: began.seq, Carry: began.carry})
		}
		next.number = binary.LittleEndian.Uint64(r.Entry.Bytes)
	}
	if r.InHand {
		next.seq, next.number = r.At+1, next.number+1
		if r.Entry.Bytes != nil {
			next.seq = r.Entry.End
		}
		return next, true
	}
	if r.Left {
		next.carry = r.Entry.Bytes
		if !Check(next.carry, next.number) {
			s.t.Fatalf("the record of entry %d is not what was sent", next.number)
		}
	}
	return next, false
}

// sendPage maps the sender's page once.
func (s *stage) sendPage() *transport.SendPage {
	s.t.Helper()
	if s.sent == nil {
		mem := s.mapped(s.files[0], int(s.open.Size))
		var err error
		if s.sent, err = transport.OpenSendPage(mem.Bytes(), int(s.open.Cells)); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.sent
}

// mapped maps a descriptor until the case ends. The descriptor stays.
func (s *stage) mapped(f transport.File, size int) *segment.Memory {
	s.t.Helper()
	mem, err := segment.Peek(f, size, segment.FormAuto)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { mem.Close() })
	return mem
}
