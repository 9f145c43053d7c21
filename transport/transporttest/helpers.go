package transporttest

import (
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
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

var (
	_ = testutil.Helper("transporttest-sender", runSender)
	_ = testutil.Helper("transporttest-receiver", runReceiver)
)

// side is what both helpers have.
type side struct {
	c        *testutil.Child
	mu       sync.Mutex // orders sending and the installation of pages
	link     transport.Link
	notifier transport.Notifier
	count    uint64 // entries so far: the number of the next one
	least    int    // bytes of an entry
	bell     transport.Bell
	moved    atomic.Bool // the bell is another incarnation's now
	doze     transport.Sleep
}

func newSide(c *testutil.Child) *side {
	s := &side{c: c}
	var err error
	if s.link, err = sock.New(c.File(0)); err != nil {
		s.fail(err)
	}
	if c.Args[2] == "eventfd" {
		s.notifier, err = notify.NewEventfd()
	} else {
		s.notifier, err = notify.NewFutex()
	}
	if err != nil {
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

// sizeOf is the size of entry number i where the largest is max.
func sizeOf(i uint64, max int) int {
	sizes := Sizes(max)
	return sizes[i%uint64(len(sizes))]
}

func runSender(c *testutil.Child) int {
	s := newSide(c)
	form, _ := strconv.Atoi(c.Args[0])
	cells, _ := strconv.Atoi(c.Args[1])
	out, open, files, err := lane.Create(lane.Config{Queue: wire.Queue(form), Cells: cells}, 2, s.notifier)
	if err != nil {
		s.refuse(err)
	}
	if err := s.link.Send(wire.Append(nil, open), files); err != nil {
		s.fail(err)
	}
	s.doze = out.Sleep()
	go s.pages(out)
	for {
		word, n := s.command()
		switch word {
		case "send":
			for range n {
				s.sendOne(out)
			}
			c.Say("send ", n)
		case "flood": // entries of n bytes at least
			for s.least = int(n); ; {
				s.sendOne(out)
			}
		case "fill":
			begin := s.count
			for s.try(out) {
			}
			c.Say("fill ", s.count-begin)
		case "close":
			out.Close()
			c.Say("close 0")
		}
	}
}

// pages installs the receivers' pages as they come.
func (s *side) pages(out *lane.Out) {
	for {
		f, files := s.frame()
		p, err := lane.OpenPeer(f.(*wire.Page), files)
		if err != nil {
			s.fail(err)
		}
		s.mu.Lock()
		out.Install(p, f.(*wire.Page).Start)
		s.mu.Unlock()
		s.moved.Store(true)
		s.notifier.Interrupt() // who sleeps on the bell of the receiver before
		s.c.Say("installed")
	}
}

// try sends one entry if there is room.
func (s *side) try(out *lane.Out) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := out.Reserve(max(sizeOf(s.count, out.MaxEntry()), s.least))
	if err == nil {
		Fill(b, s.count)
		err = out.Commit()
	}
	if errors.Is(err, transport.ErrFull) {
		return false
	}
	if err != nil {
		s.fail(err)
	}
	s.count++
	return true
}

// sendOne sends one entry, and sleeps while there is no room.
func (s *side) sendOne(out *lane.Out) {
	for {
		s.bell = transport.Bell{Word: out.Peer().Bell(), FD: -1}
		seen := s.bell.Word.Load()
		if s.try(out) {
			return
		}
		sent := false
		s.sleep(seen, transport.StateWantRoom, func() bool { sent = sent || s.try(out); return sent })
		if sent {
			return
		}
	}
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
		switch word {
		case "read":
			for range n {
				r.read()
			}
			in.Release()
			c.Say("read ", n)
		case "drain":
			got := uint64(0)
			for r.take() {
				r.done()
				got++
			}
			in.Release()
			c.Say("drain ", got)
		case "hold":
			for !r.take() {
			}
			c.Say("hold 0")
			c.Say("next ", r.entry.End)
		case "run":
			for {
				r.read()
			}
		case "where":
			c.Say("where ", r.entry.End)
		case "from":
			s.count = n
			c.Say("from ", n)
		case "close":
			c.Say("close 0")
			c.Say("next ", r.entry.End)
			in.Close()
		}
	}
}

// reader reads a lane and checks each entry.
type reader struct {
	*side
	in    *lane.In
	entry transport.Entry
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
	if !Check(e.Bytes, r.count) {
		r.fail(fmt.Errorf("entry %d of %d bytes is not what was sent", r.count, len(e.Bytes)))
	}
	r.count++
	return true
}

func (r *reader) done() {
	r.in.Done()
	r.in.End(r.entry.End)
	if r.in.Unreleased() > 1<<10 {
		r.in.Release()
	}
}

// read reads one entry, and sleeps while there is none.
func (r *reader) read() {
	for {
		seen := r.bell.Word.Load()
		if r.take() {
			r.done()
			return
		}
		r.in.Release()
		got := false
		r.sleep(seen, 0, func() bool { got = got || r.take(); return got })
		if got {
			r.done()
			return
		}
	}
}
