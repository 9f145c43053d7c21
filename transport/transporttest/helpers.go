package transporttest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

var (
	_ = testutil.Helper("transporttest-sender", runSender)
	_ = testutil.Helper("transporttest-receiver", runReceiver)
)

// side is the common part of all helpers.
type side struct {
	c        *testutil.Child
	link     transport.Link
	notifier transport.Notifier
	counts   [2]uint64 // entries so far, by class: the number of the next one
	bell     transport.Bell
	moved    atomic.Bool // the bell is now that of another incarnation
	doze     transport.Sleep
}

// linked returns the side of a helper that has a link.
func linked(c *testutil.Child) *side {
	s := &side{c: c}
	var err error
	if s.link, err = sock.New(c.File(0)); err != nil {
		s.fail(err)
	}
	return s
}

// newSide is linked, with the notifier that the arguments of Form name.
func newSide(c *testutil.Child) *side {
	s := linked(c)
	var err error
	if s.notifier, err = notifiers[c.Args[2]](); err != nil {
		s.refuse(err)
	}
	return s
}

func (s *side) fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// refuse says that this machine does not allow the form.
func (s *side) refuse(err error) {
	_ = s.link.Send(wire.Append(nil, &wire.Failed{Text: err.Error()}), nil)
	s.c.Wait("")
	os.Exit(0)
}

func (s *side) frame() (wire.Frame, []transport.File) {
	buf := make([]byte, wire.MaxFrame)
	n, files, err := s.link.Receive(buf)
	if err != nil {
		s.fail(err)
	}
	f, err := wire.Parse(buf[:n])
	if err != nil {
		s.fail(err)
	}
	return f, files
}

// sleep waits for the peer's bell to change after seen, or to be another one,
// unless look finds something.
func (s *side) sleep(seen uint32, want uint32, look func() bool) {
	s.doze.State.Or(want)
	s.doze.Arm()
	defer func() {
		s.doze.Disarm()
		s.doze.State.And(^want)
	}()
	s.bell.Seen = seen
	for !look() && s.bell.Word.Load() == seen && !s.moved.Swap(false) {
		if err := s.notifier.Wait([]transport.Bell{s.bell}, 0); err != nil {
			s.fail(err)
		}
	}
}

// command reads the next command and its number.
func (s *side) command() (word string, n uint64) {
	word, arg, _ := strings.Cut(s.c.Wait(""), " ")
	if arg != "" {
		n, _ = strconv.ParseUint(arg, 10, 64)
	}
	return word, n
}

// sizeOf returns the size of entry number i in a queue whose largest entry is max.
func sizeOf(i uint64, max int) int {
	sizes := Sizes(max)
	return sizes[i%uint64(len(sizes))]
}

// The classes of entries, as Fill's number tells them. Without priorities all are
// normal.
const (
	normal  = 0
	urgent  = 1
	classOf = 1 << 62 // of the number of an urgent entry
)

// numberOf returns what Fill writes into entry number i of a class.
func numberOf(class int, i uint64) uint64 { return uint64(class)*classOf + i }

// classIn returns the class that an entry names; one that is too short for that is
// normal.
func classIn(b []byte) int {
	if len(b) < 8 {
		return normal
	}
	return int(binary.LittleEndian.Uint64(b) / classOf & 1)
}

// sender is the helper that sends.
type sender struct {
	*side
	mu    sync.Mutex // orders sending and the installation of pages
	out   *lane.Out
	least int // bytes of an entry
	most  int // and at most; the largest of the queue, if that is less
}

func runSender(c *testutil.Child) int {
	s := &sender{side: newSide(c)}
	form, _ := strconv.Atoi(c.Args[0])
	cells, _ := strconv.Atoi(c.Args[1])
	cfg := lane.Config{Queue: wire.Queue(form), Cells: cells, Priority: c.Args[3] == "true"}
	if cfg.Priority {
		s.least = 8 // so that each says its class and number
	}
	out, open, files, err := lane.Create(cfg, 2, s.notifier)
	if err != nil {
		s.refuse(err)
	}
	if err := s.link.Send(wire.Append(nil, open), files); err != nil {
		s.fail(err)
	}
	s.out, s.doze, s.most = out, out.Sleep(), out.MaxEntry()
	go s.pages()
	for {
		word, n := s.command()
		class := normal
		if strings.HasSuffix(word, "-urgent") {
			class = urgent
		}
		switch word {
		case "send", "send-urgent": // n of them, waiting for room
			for range n {
				s.sendOne(class)
			}
			c.Say(word, " ", n)
		case "fill", "fill-urgent": // as many as there is room for
			begin := s.counts[class]
			for s.try(class) {
			}
			c.Say(word, " ", s.counts[class]-begin)
		case "flood": // entries of n bytes at least
			for s.least = int(n); ; {
				s.sendOne(normal)
			}
		case "flood-urgent": // normal ones whenever there is room, and n urgent ones; 0: without end
			for i := uint64(0); n == 0 || i < n; i++ {
				for range 1 + i%13 { // in bursts, with which the queue gets full
					s.try(normal)
				}
				s.sendOne(urgent)
			}
			c.Say("flood-urgent ", n)
		case "most": // bytes of an entry
			s.most = int(n)
			c.Say("most ", n)
		case "bursts": // n of them, of entries of normal class; 0: without end
			c.Say("bursts ", s.bursts(n))
		case "close":
			out.Close()
			c.Say("close 0")
		}
	}
}

// pages installs the receivers' pages as they arrive.
func (s *sender) pages() {
	for {
		f, files := s.frame()
		p, err := lane.OpenPeer(f.(*wire.Page), files)
		if err != nil {
			s.fail(err)
		}
		s.mu.Lock()
		s.out.Install(p, f.(*wire.Page).Start)
		s.mu.Unlock()
		s.moved.Store(true)
		s.notifier.Interrupt() // a sleeper on the bell of the previous receiver
		s.c.Say("installed")
	}
}

// try sends one entry of a class if there is room.
func (s *sender) try(class int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Urgent(class == urgent)
	i := s.counts[class]
	b, err := s.out.Reserve(max(sizeOf(i, min(s.most, s.out.MaxEntry())), s.least))
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
func (s *sender) sendOne(class int) {
	for {
		s.bell = transport.Bell{Word: s.out.Peer().Bell(), FD: -1}
		seen := s.bell.Word.Load()
		sent := s.try(class)
		if !sent {
			s.sleep(seen, transport.StateWantRoom, func() bool { sent = sent || s.try(class); return sent })
		}
		if sent {
			return
		}
	}
}

// reader is the helper that receives: it checks each entry, and the order of each
// class.
type reader struct {
	*side
	in      *lane.In
	entry   transport.Entry
	drained [2]uint64 // by class: what the last drain read
	firsts  uint64    // and how many urgent entries came before the first normal one
}

// acceptLane makes the child a receiver: it gets a lane, answers with its page,
// and sleeps by the lane's bell.
func acceptLane(c *testutil.Child) (*side, *lane.In) {
	s := newSide(c)
	f, files := s.frame()
	in, page, out, err := lane.Accept(f.(*wire.Lane), files, s.notifier)
	if err != nil {
		s.fail(err)
	}
	if err := s.link.Send(wire.Append(nil, page), out); err != nil {
		s.fail(err)
	}
	s.bell, s.doze = transport.Bell{Word: in.Bell(), FD: -1}, in.Sleep()
	return s, in
}

func runReceiver(c *testutil.Child) int {
	s, in := acceptLane(c)
	r := &reader{side: s, in: in}
	for {
		word, n := s.command()
		answer := n
		switch word {
		case "read":
			for range n {
				r.read()
			}
			in.Release()
		case "until-urgent": // reads all until it has n urgent ones
			for r.counts[urgent] < n {
				r.read()
			}
			in.Release()
		case "drain":
			r.drain()
			answer = r.drained[normal]
		case "drained-urgent":
			answer = r.drained[urgent]
		case "drained-firsts":
			answer = r.firsts
		case "hold":
			for !r.take() {
			}
		case "run":
			for {
				r.read()
			}
		case "end": // of the entry that was taken last
			answer = r.entry.End
		case "from": // which number comes next of the normal ones
			r.counts[normal] = n
		case "from-urgent":
			r.counts[urgent] = n
		case "close":
			in.Close()
		}
		c.Say(word, " ", answer)
	}
}

// take takes one entry in hand, if there is one.
func (r *reader) take() bool {
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
		r.fail(fmt.Errorf("entry %d of class %d, %d bytes, is not what was sent", r.counts[class], class, len(e.Bytes)))
	}
	r.counts[class]++
	return true
}

func (r *reader) done() {
	r.in.Done()
	r.in.End(r.entry.End)
	if r.in.Unreleased() > 1<<10 {
		r.in.Release()
	}
}

// drain reads everything that is there.
func (r *reader) drain() {
	begin := r.counts
	r.firsts = 0
	for r.take() {
		if r.counts[normal] == begin[normal] {
			r.firsts++
		}
		r.done()
	}
	r.in.Release()
	r.drained = [2]uint64{r.counts[normal] - begin[normal], r.counts[urgent] - begin[urgent]}
}

// read reads one entry, and sleeps while there is none.
func (r *reader) read() {
	for {
		seen := r.bell.Word.Load()
		got := r.take()
		if !got {
			r.in.Release()
			r.sleep(seen, 0, func() bool { got = got || r.take(); return got })
		}
		if got {
			r.done()
			return
		}
	}
}
