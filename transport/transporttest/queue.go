package transporttest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// Form is a form of queue, and the notifier that both sides use.
type Form struct {
	Queue    wire.Queue
	Cells    int    // bytes of a ring's cells
	Notifier string // "futex" or "eventfd"

	priority bool // entries may be urgent
}

func (f Form) args() []string {
	return []string{strconv.Itoa(int(f.Queue)), strconv.Itoa(f.Cells), f.Notifier, strconv.FormatBool(f.priority)}
}

// Queue runs the suite for one form between real processes.
func Queue(t *testing.T, f Form) {
	each(t, func(t *testing.T) *stage { return newStage(t, f) },
		[]rule[*stage]{
			{"order", "entries of all sizes arrive whole and in the order sent", order},
			{"full", "a full queue says so, and takes more when room is released", full},
			{"wakes", "a receiver that sleeps is woken by one entry, a sender by room", wakes},
			{"sender closes", "what was committed before Close is received", senderCloses},
			{"receiver closes", "a sender without receiver gets full, and goes on with the next receiver", receiverCloses},
			{"receiver dies", "what was not in hand at a death is received by the successor", receiverDies},
			{"receiver killed", "whenever receivers are killed, every entry is handled, in doubt or kept, none twice, in order", killed},
			{"sender dies", "what was committed before a death is received, whole and in order", senderDies},
		})
}

// stage holds a lane between processes as a supervisor does: its descriptors,
// and the last receive page.
type stage struct {
	t    *testing.T
	form Form

	sender, receiver *player
	open             *wire.Open
	files            []transport.File
	incarnation      uint32
	moment           time.Duration       // how long a receiver that is killed may have run; 0: a millisecond
	sent             *transport.SendPage // mapped when somebody asks for it
	page             *transport.RecvPage // of the last receiver
}

func newStage(t *testing.T, f Form) *stage {
	s := &stage{t: t, form: f}
	t.Cleanup(s.drop)
	s.sender = start(t, "transporttest-sender", f.args()...)
	frame, files := s.sender.receive(t)
	open, ok := frame.(*wire.Open)
	if !ok {
		if failed, ok := frame.(*wire.Failed); ok {
			testutil.Refused(t, failed.Text)
		}
		t.Fatalf("%T instead of Open", frame)
	}
	s.open, s.files = open, files
	s.newReceiver(transport.Place{})
	return s
}

// drop ends the lane, as its keeper does.
func (s *stage) drop() {
	if form, err := lane.FormOf(s.form.Queue); err == nil && len(s.files) > 1 {
		if err := form.Remove(s.files[1]); err != nil {
			s.t.Error(err)
		}
	}
	closeAll(s.files)
	s.files = nil
}

// newReceiver starts a receiver at a place, and passes its page to the sender. It keeps
// the page, to read it after a death.
func (s *stage) newReceiver(at transport.Place) {
	s.t.Helper()
	s.incarnation++
	s.receiver = start(s.t, "transporttest-receiver", s.form.args()...)
	o := s.open
	f := &wire.Lane{From: wire.Addr{ID: 1, Incarnation: 1}, Queue: o.Queue, Cells: o.Cells, Size: o.Size, Bell: o.Bell,
		Start: at.Seq, Urgent: at.Urgent, Carry: at.Carry}
	if at.CarryUrgent {
		f.CarryUrgent = 1
	}
	s.receiver.send(s.t, f, s.files)
	frame, files := s.receiver.receive(s.t)
	page, ok := frame.(*wire.Page)
	if !ok {
		s.t.Fatalf("%T instead of Page", frame)
	}
	mem := s.mapped(files[0], transport.RecvPageBytes)
	var err error
	if s.page, err = transport.OpenRecvPage(mem.Bytes()); err != nil {
		s.t.Fatal(err)
	}
	page.Peer = wire.Addr{ID: 2, Incarnation: s.incarnation}
	s.sender.send(s.t, page, files)
	s.sender.Expect("installed")
	closeAll(files)
}

func closeAll(files []transport.File) {
	for _, f := range files {
		f.Close()
	}
}

// do sends a command and returns the number with which the player answers.
func (p *player) do(t *testing.T, command string) uint64 {
	t.Helper()
	p.Send(command)
	word, _, _ := strings.Cut(command, " ")
	n, err := strconv.ParseUint(p.Expect(word+" "), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

func order(s *stage) {
	total := uint64(testutil.Rounds(1000, 50_000)) // some times what fits
	s.sender.Send("send ", total)
	if n := s.receiver.do(s.t, fmt.Sprint("read ", total)); n != total {
		s.t.Fatalf("%d entries", n)
	}
	s.sender.Expect("send")
}

func full(s *stage) {
	for range 3 {
		sent := s.sender.do(s.t, "fill")
		if sent == 0 {
			s.t.Fatal("nothing fits")
		}
		if got := s.receiver.do(s.t, "drain"); got != sent {
			s.t.Fatalf("%d entries went in, %d came out", sent, got)
		}
	}
}

func wakes(s *stage) {
	for range 20 {
		s.receiver.Send("read 1") // it finds nothing and sleeps, or is about to
		s.sender.do(s.t, "send 1")
		s.receiver.Expect("read")
	}
	sent := s.sender.do(s.t, "fill")
	s.sender.Send("send 1") // sleeps until there is room
	if got := s.receiver.do(s.t, fmt.Sprint("read ", sent+1)); got != sent+1 {
		s.t.Fatalf("%d entries", got)
	}
	s.sender.Expect("send")
}

func senderCloses(s *stage) {
	sent := s.sender.do(s.t, "fill")
	s.sender.do(s.t, "close")
	s.sender.Kill()
	s.sender.Wait()
	if got := s.receiver.do(s.t, "drain"); got != sent {
		s.t.Fatalf("%d entries went in, %d came out", sent, got)
	}
}

func receiverCloses(s *stage) {
	s.sender.do(s.t, "send 3")
	s.receiver.do(s.t, "read 2")
	start := s.receiver.do(s.t, "end")
	s.receiver.do(s.t, "close")
	sent := s.sender.do(s.t, "fill")
	s.newReceiver(transport.Place{Seq: start})
	s.receiver.do(s.t, "from 2")
	if got := s.receiver.do(s.t, "drain"); got != sent+1 {
		s.t.Fatalf("%d entries were left, %d came out", sent+1, got)
	}
}

func receiverDies(s *stage) {
	s.sender.do(s.t, "send 5")
	s.receiver.do(s.t, "read 2")
	s.receiver.do(s.t, "hold") // the third is in hand
	next := s.receiver.do(s.t, "end")
	s.receiver.Kill()
	s.receiver.Wait()
	s.newReceiver(transport.Place{Seq: next}) // the message in hand is in doubt: here it is given up
	s.receiver.do(s.t, "from 3")
	if got := s.receiver.do(s.t, "read 2"); got != 2 {
		s.t.Fatalf("%d entries", got)
	}
	s.sender.do(s.t, "send 1")
	s.receiver.do(s.t, "read 1")
}

func senderDies(s *stage) {
	for range testutil.Rounds(2, 50) {
		s.sender.Send("flood")
		s.receiver.do(s.t, "read 300")
		s.sender.Kill()
		s.sender.Wait()
		s.receiver.do(s.t, "drain") // each entry is checked
		// A sender that is started again gets a lane of its own.
		s.drop()
		s = newStage(s.t, s.form)
	}
}
