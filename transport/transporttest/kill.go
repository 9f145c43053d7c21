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
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
)

// killed kills running receivers, one after the other. Each entry must be in the queue,
// in a record, or dealt with: the successors check that every entry comes once and in
// order.
func killed(s *stage) { s.killAll("flood 8") } // numbered entries, for ever

// urgentKilled is killed for entries of two classes.
func urgentKilled(s *stage) {
	if at := s.killAll("flood-urgent 0"); at.Urgent == 0 || at.Urgent == at.Seq {
		s.t.Errorf("of %d entries %d were urgent", at.Seq, at.Urgent)
	}
}

// killAll kills receivers while the sender carries out an endless command, and returns
// where the last one began. The entry in hand at a death is given up.
func (s *stage) killAll(flood string) (at transport.Place) {
	s.sender.Send(flood)
	rounds := testutil.Rounds(30, 1000)
	carried, doubts := [2]int{}, [2]int{} // by class
	number := uint64(0)                   // of the next normal entry
	padded := 0                           // deaths at the padding of a lap that was begun anew
	for i := range rounds {
		if i > 0 {
			s.resume(at, number)
		}
		s.receiver.Send("run")
		s.runs(at.Seq, i%4 != 0) // some die at once
		s.receiver.Kill()
		if st := s.receiver.Wait(); st.Exited() {
			s.t.Fatalf("receiver %d ended by itself after entry %d: %v\n%s", i, at.Seq, st, s.receiver.Stderr())
		}
		s.receiver.link.Close()
		var r lane.Remains
		r, number = s.inquest(at)
		at = r.Again()
		if r.Entry.End-r.Entry.Seq > uint64(s.form.Cells)/ring.CellBytes/4 {
			padded++
		}
		class := normal
		if r.IsUrgent {
			class = urgent
		}
		switch {
		case r.InHand:
			doubts[class]++
			at = r.Past()
			if class == normal {
				number++
			}
		case r.Left:
			carried[class]++
		}
	}
	s.resume(at, number)
	s.sender.Kill()
	s.sender.Wait()
	others, urgents, _ := s.drained()
	// The sender may have died between an entry and its tail.
	if end, tail := max(s.receiver.do(s.t, "end"), at.Seq), s.sendPage().Tail.Load(); end != tail && end != tail+1 {
		s.t.Errorf("entries up to %d were sent, up to %d received", tail, end)
	}
	s.t.Logf("%d kills, %d entries and %d urgent ones, lost 0; carried %d times, and %d urgent ones; in doubt %d times, and %d urgent ones; %d at padding",
		rounds, number+others, at.Urgent+urgents, carried[normal], carried[urgent], doubts[normal], doubts[urgent], padded)
	return at
}

// resume starts a receiver at a place; number is that of the next normal entry.
func (s *stage) resume(at transport.Place, number uint64) {
	s.t.Helper()
	s.newReceiver(at)
	s.receiver.do(s.t, "from "+itoa(number))
	s.receiver.do(s.t, "from-urgent "+itoa(at.Urgent))
}

// runs waits for a random moment or, if some is set, first until the receiver has read
// something.
func (s *stage) runs(start uint64, some bool) {
	for some && s.page.Head.Load() < start+20 && alive(s.receiver.PID()) {
		runtime.Gosched()
	}
	// This makes the moment of the kill random; nothing waits for it.
	moment := time.Duration(rand.Int64N(int64(max(s.moment, time.Millisecond))))
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

// inquest returns what a dead receiver that began at a place has left, and the number of
// the first normal entry that was not dealt with.
func (s *stage) inquest(began transport.Place) (r lane.Remains, number uint64) {
	s.t.Helper()
	form, err := lane.FormOf(s.form.Queue)
	if err != nil {
		s.t.Fatal(err)
	}
	send := s.sendPage()
	r = form.Remains(send, s.page, began)
	if r.At < began.Seq || r.Urgent < began.Urgent || r.At-r.Urgent < began.Seq-began.Urgent {
		s.t.Fatalf("a receiver went back from %d and %d urgent ones to %d and %d", began.Seq, began.Urgent, r.At, r.Urgent)
	}
	if form.Create == nil { // a ring counts cells, and the entry has its number
		for r.Entry.Bytes == nil { // the sender is alive and has more
			runtime.Gosched()
			r = form.Remains(send, s.page, began)
		}
		return r, binary.LittleEndian.Uint64(r.Entry.Bytes)
	}
	number = r.At - r.Urgent
	if r.Left {
		want := number
		if r.IsUrgent {
			want = numberOf(urgent, r.Urgent)
		}
		if !Check(r.Entry.Bytes, want) {
			s.t.Fatalf("the record of entry %d, urgent %v, is not what was sent", r.At, r.IsUrgent)
		}
	}
	return r, number
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

// mapped maps a descriptor until the case ends, and does not close it.
func (s *stage) mapped(f transport.File, size int) *segment.Memory {
	s.t.Helper()
	mem, err := segment.Peek(f, size, segment.FormAuto)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { mem.Close() })
	return mem
}
