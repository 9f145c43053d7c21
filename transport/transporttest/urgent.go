package transporttest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// Urgent runs the suite for a form that has priorities, between real processes.
// Each of its entries says its class and its number in that; the receiver checks
// the order of either class.
func Urgent(t *testing.T, f Form) {
	for _, c := range []struct {
		name string
		rule string
		run  func(*stage)
	}{
		{"overtakes", "urgent entries come before all that wait, and either class in the order sent", urgentOvertakes},
		{"room", "a queue that is full of others has room for urgent entries, and says when that is full, too", urgentRoom},
		{"flood", "urgent entries get through while others are sent without end", urgentFlood},
		{"sender closes", "what was committed before Close is received, of either class", urgentSenderCloses},
		{"receiver killed", "whenever receivers are killed, every entry of either class is handled, in doubt or kept, none twice, in order", urgentKilled},
	} {
		t.Run(c.name, func(t *testing.T) {
			runtimeDir(t)
			testutil.Audit(t)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log("rule: " + c.rule)
				}
			})
			c.run(newStageOf(t, f, "transporttest-urgent-sender", "transporttest-urgent-receiver"))
		})
	}
}

var (
	_ = testutil.Helper("transporttest-urgent-sender", runUrgentSender)
	_ = testutil.Helper("transporttest-urgent-receiver", runUrgentReceiver)
)

// The classes of entries, as Fill's number tells them.
const (
	normal  = 0
	urgent  = 1
	classOf = 1 << 62 // of the number of an urgent entry
)

// numberOf is what Fill writes into entry number i of a class.
func numberOf(class int, i uint64) uint64 { return uint64(class)*classOf + i }

// urgentSender sends entries of both classes.
type urgentSender struct {
	*side
	out    *lane.Out
	counts [2]uint64
}

func runUrgentSender(c *testutil.Child) int {
	s := &urgentSender{side: newSide(c)}
	form, _ := strconv.Atoi(c.Args[0])
	out, open, files, err := lane.Create(lane.Config{Queue: wire.Queue(form), Priority: true}, 2, s.notifier)
	if err != nil {
		s.refuse(err)
	}
	if err := s.link.Send(wire.Append(nil, open), files); err != nil {
		s.fail(err)
	}
	s.out, s.doze = out, out.Sleep()
	go s.pages(out)
	for {
		switch word, n := s.command(); word {
		case "normal", "urgent": // n of them, waiting for room
			class := normal
			if word == "urgent" {
				class = urgent
			}
			for range n {
				s.sendOne(class)
			}
			c.Say(word, " ", n)
		case "fill", "fill-urgent": // as many as there is room for
			class := normal
			if word == "fill-urgent" {
				class = urgent
			}
			begin := s.counts[class]
			for s.try(class) {
			}
			c.Say(word, " ", s.counts[class]-begin)
		case "flood": // the others whenever there is room, and n urgent ones; 0: without end
			for i := uint64(0); n == 0 || i < n; i++ {
				for range 1 + i%13 { // in bursts, with which the queue gets full
					s.try(normal)
				}
				s.sendOne(urgent)
			}
			c.Say("flood ", n)
		case "close":
			out.Close()
			c.Say("close 0")
		}
	}
}

// try sends one entry of a class if there is room.
func (s *urgentSender) try(class int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Urgent(class == urgent)
	i := s.counts[class]
	b, err := s.out.Reserve(max(sizeOf(i, s.out.MaxEntry()), 8)) // so that it says its number
	if err == nil {
		Fill(b, numberOf(class, i))
		err = s.out.Commit()
	}
	if errors.Is(err, transport.ErrFull) {
		return false
	}
	if err != nil {
		s.fail(err)
	}
	s.counts[class]++
	return true
}

// sendOne sends one entry of a class, and sleeps while there is no room.
func (s *urgentSender) sendOne(class int) {
	for {
		s.bell = transport.Bell{Word: s.out.Peer().Bell(), FD: -1}
		seen := s.bell.Word.Load()
		if s.try(class) {
			return
		}
		sent := false
		s.sleep(seen, transport.StateWantRoom, func() bool { sent = sent || s.try(class); return sent })
		if sent {
			return
		}
	}
}

// urgentReader reads entries of both classes and checks the order of each.
type urgentReader struct {
	*side
	in     *lane.In
	counts [2]uint64
	firsts uint64 // how many urgent entries came before the first of the others
	entry  transport.Entry
}

func runUrgentReceiver(c *testutil.Child) int {
	s, in := acceptLane(c)
	r := &urgentReader{side: s, in: in}
	for {
		switch word, n := s.command(); word {
		case "from": // which number comes next of the others
			r.counts[normal] = n
			c.Say("from ", n)
		case "from-urgent":
			r.counts[urgent] = n
			c.Say("from-urgent ", n)
		case "drain":
			begin := r.counts
			r.firsts = 0
			for r.take() {
				if r.counts[normal] == begin[normal] {
					r.firsts++
				}
				r.done()
			}
			in.Release()
			c.Say("drain ", r.counts[normal]-begin[normal])
			c.Say("urgent ", r.counts[urgent]-begin[urgent])
			c.Say("firsts ", r.firsts)
		case "until-urgent": // reads all until it has n urgent ones
			for r.counts[urgent] < n {
				r.read()
			}
			in.Release()
			c.Say("until-urgent ", n)
		case "run":
			for {
				r.read()
			}
		}
	}
}

// take takes one entry in hand, if there is one.
func (r *urgentReader) take() bool {
	e, err := r.in.Next()
	if errors.Is(err, transport.ErrEmpty) {
		return false
	}
	if err != nil {
		r.fail(err)
	}
	r.in.Begin(e.Seq)
	r.entry = e
	class := classIn(e.Bytes)
	if !Check(e.Bytes, numberOf(class, r.counts[class])) {
		r.fail(fmt.Errorf("entry %d of class %d, %d bytes, is not what was sent: it says %d", r.counts[class], class, len(e.Bytes), binary.LittleEndian.Uint64(e.Bytes)&(classOf-1)))
	}
	r.counts[class]++
	return true
}

// classIn is the class that an entry says it has.
func classIn(b []byte) int { return int(binary.LittleEndian.Uint64(b) / classOf) }

func (r *urgentReader) done() {
	r.in.Done()
	r.in.End(r.entry.End)
	r.in.Release()
}

// read reads one entry, and sleeps while there is none.
func (r *urgentReader) read() {
	for {
		seen := r.bell.Word.Load()
		got := r.take()
		if !got {
			r.sleep(seen, 0, func() bool { got = got || r.take(); return got })
		}
		if got {
			r.done()
			return
		}
	}
}

// drained reads all, and says how many came of each class, and how many urgent
// ones before the first of the others.
func (s *stage) drained() (others, urgent, firsts uint64) {
	s.t.Helper()
	others = s.receiver.do(s.t, "drain")
	urgent = number(s.t, s.receiver.Expect("urgent"))
	return others, urgent, number(s.t, s.receiver.Expect("firsts"))
}

func urgentOvertakes(s *stage) {
	for n := range uint64(20) {
		s.sender.do(s.t, "normal 1") // four fit, whatever their sizes
		s.sender.do(s.t, "urgent 1")
		s.sender.do(s.t, "normal 1")
		more := n % 2
		s.sender.do(s.t, "urgent "+itoa(more))
		if o, u, f := s.drained(); o != 2 || u != 1+more || f != u {
			s.t.Fatalf("%d came, and %d urgent ones, %d of them first; sent were 2 and %d", o, u, f, 1+more)
		}
	}
}

func urgentRoom(s *stage) {
	for range 3 {
		others := s.sender.do(s.t, "fill")
		urgent := s.sender.do(s.t, "fill-urgent")
		if others == 0 || urgent == 0 {
			s.t.Fatalf("%d and then %d urgent ones had room", others, urgent)
		}
		if o, u, f := s.drained(); o != others || u != urgent || f != urgent {
			s.t.Fatalf("%d came, and %d urgent ones, %d of them first; sent were %d and %d", o, u, f, others, urgent)
		}
		// Urgent ones may have all of it.
		if n := s.sender.do(s.t, "fill-urgent"); n < urgent {
			s.t.Fatalf("%d urgent ones had room in an empty queue, %d in a full one", n, urgent)
		} else if o, u, _ := s.drained(); o != 0 || u != n {
			s.t.Fatalf("%d came, and %d urgent ones; sent were %d urgent ones", o, u, n)
		}
	}
}

func urgentFlood(s *stage) {
	total := uint64(testutil.Rounds(300, 20_000))
	s.sender.Send("flood ", total)
	s.receiver.do(s.t, "until-urgent "+itoa(total))
	s.sender.Expect("flood")
}

func urgentSenderCloses(s *stage) {
	others, urgent := s.sender.do(s.t, "fill"), s.sender.do(s.t, "fill-urgent")
	s.sender.do(s.t, "close")
	s.sender.Kill()
	s.sender.Wait()
	if o, u, f := s.drained(); o != others || u != urgent || f != urgent {
		s.t.Fatalf("%d came, and %d urgent ones, %d of them first; sent were %d and %d", o, u, f, others, urgent)
	}
}

// urgentKilled is killed for entries of two classes.
func urgentKilled(s *stage) {
	s.sender.Send("flood 0")
	rounds := testutil.Rounds(30, 1000)
	var at transport.Place
	carried, doubts := [2]int{}, [2]int{}
	for i := range rounds {
		if i > 0 {
			s.resume(at)
		}
		s.receiver.Send("run")
		s.runs(at.Seq, i%4 != 0) // some die at once
		s.receiver.Kill()
		if st := s.receiver.Wait(); st.Exited() {
			s.t.Fatalf("receiver %d ended by itself after entry %d: %v\n%s", i, at.Seq, st, s.receiver.Stderr())
		}
		s.receiver.link.Close()
		form, err := lane.FormOf(s.form.Queue)
		if err != nil {
			s.t.Fatal(err)
		}
		r := form.Remains(s.sendPage(), s.page, at)
		if r.At < at.Seq || r.Urgent < at.Urgent || r.At-r.Urgent < at.Seq-at.Urgent {
			s.t.Fatalf("a receiver went back from %d and %d urgent ones to %d and %d", at.Seq, at.Urgent, r.At, r.Urgent)
		}
		at = r.Again()
		if r.Left {
			class := urgentClass(r.IsUrgent)
			if n := at.Next(r.IsUrgent) &^ transport.UrgentBit; !Check(r.Entry.Bytes, numberOf(class, n)) {
				s.t.Fatalf("the record of entry %d of class %d is not what was sent", n, class)
			}
			if r.InHand {
				doubts[class]++
			} else {
				carried[class]++
			}
		}
		if r.InHand {
			at = r.Past() // it is in doubt: here it is given up
		}
	}
	s.resume(at)
	s.sender.Kill()
	s.sender.Wait()
	others, urgent, _ := s.drained()
	// The sender may have died between an entry and its tail.
	if end, tail := at.Seq+others+urgent, s.sendPage().Tail.Load(); end != tail && end != tail+1 {
		s.t.Errorf("entries up to %d were sent, up to %d received", tail, end)
	}
	if at.Urgent == 0 || at.Urgent == at.Seq {
		s.t.Errorf("of %d entries %d were urgent", at.Seq, at.Urgent)
	}
	s.t.Logf("%d kills, %d entries, %d of them urgent, lost 0; carried %d and %d urgent, in doubt %d and %d urgent", rounds, at.Seq+others+urgent, at.Urgent+urgent, carried[0], carried[1], doubts[0], doubts[1])
}

func urgentClass(yes bool) int {
	if yes {
		return urgent
	}
	return normal
}

// resume starts a receiver at a place in two classes.
func (s *stage) resume(at transport.Place) {
	s.t.Helper()
	s.newReceiverAt(at)
	s.receiver.do(s.t, "from "+itoa(at.Next(false)))
	s.receiver.do(s.t, "from-urgent "+itoa(at.Next(true)&^transport.UrgentBit))
}
