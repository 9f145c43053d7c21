package transporttest

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

// Urgent runs the suite for a form that has priorities, between real processes.
// Each entry names its class and its number in that class; the receiver checks the order
// in both classes.
func Urgent(t *testing.T, f Form) {
	f.priority = true
	each(t, func(t *testing.T) *stage { return newStage(t, f) }, []rule[*stage]{
		{"overtakes", "urgent entries come before all that wait, and either class in the order sent", urgentOvertakes},
		{"room", "a queue that is full of others has room for urgent entries, and says when that is full, too", urgentRoom},
		{"flood", "urgent entries get through while others are sent without end", urgentFlood},
		{"sender closes", "what was committed before Close is received, of either class", urgentSenderCloses},
		{"receiver killed", "whenever receivers are killed, every entry of either class is handled, in doubt or kept, none twice, in order", urgentKilled},
	})
}

// drained reads everything, and returns how many entries came of each class, and how many
// urgent ones before the first of the others.
func (s *stage) drained() (others, urgent, firsts uint64) {
	s.t.Helper()
	others = s.receiver.do(s.t, "drain")
	return others, s.receiver.do(s.t, "drained-urgent"), s.receiver.do(s.t, "drained-firsts")
}

func urgentOvertakes(s *stage) {
	for n := range uint64(20) {
		s.sender.do(s.t, "send 1") // four fit, whatever their sizes
		s.sender.do(s.t, "send-urgent 1")
		s.sender.do(s.t, "send 1")
		more := n % 2
		s.sender.do(s.t, "send-urgent "+itoa(more))
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
	s.sender.Send("flood-urgent ", total)
	s.receiver.do(s.t, "until-urgent "+itoa(total))
	s.sender.Expect("flood-urgent")
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
