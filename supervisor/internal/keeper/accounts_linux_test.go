package keeper

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// mappings is how many memfds and SysV segments this process has mapped.
func mappings(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	return bytes.Count(b, []byte("/memfd:")) + bytes.Count(b, []byte("/SYSV"))
}

// TestMessageInHandAtDeaths: a message is charged with the deaths while it was in hand,
// and with no other's: each incarnation is told of them, and of where it begins. With
// two allowed it is a dead letter at the second that is the actor's own doing. Whatever
// the keeper has looked at it maps no longer.
func TestMessageInHandAtDeaths(t *testing.T) {
	in := func(seq uint64, attempt uint8) transport.InFlight {
		return transport.PackInFlight(seq, attempt, transport.HandIn)
	}
	mem, open := written(t, 4)
	var letters []Letter
	k := New(slog.New(slog.DiscardHandler), func(l Letter) { letters = append(letters, l) })
	k.Payloads = true
	from, got := at(1, 1), &wire.Lane{}
	k.Add(1, "sender", wire.Mailbox{})
	k.Begin(from, "", func(wire.Frame, ...*Handle) {})
	k.Add(2, "receiver", wire.Mailbox{Queue: wire.QueueRing, Redeliver: 2})
	k.Frame(from, &wire.Types{Types: []wire.TypeName{{ID: 8, Name: "second"}}}, nil)
	key := laneKey{from, 2}
	l := &held{laneKey: key, name: "sender", open: open, files: []*Handle{lent(t, mem)}}
	k.lanes[key] = l
	before := mappings(t)
	none := transport.PackInFlight(3, 0, transport.HandDone)
	for i, tt := range []struct {
		word    transport.InFlight // at the death
		cause   tree.Cause
		start   uint64 // of the next incarnation
		attempt uint8
		letters int
		of      string // type in hand
	}{
		{in(0, 0), tree.Own, 0, 1, 0, "0x0000000000000007"},
		{in(1, 0), tree.Own, 1, 1, 0, "second"}, // the first is done: its death is not charged to this one
		{in(1, 1), tree.Asked, 1, 2, 0, "second"},
		{0, tree.Unexplained, 1, 2, 0, ""}, // before it was in hand: it is still known who died with it
		{in(1, 2), tree.Own, 2, 0, 1, "second"},
		{in(2, 0), tree.Own, 2, 1, 1, "0x0000000000000009"},
		{none, tree.Own, 3, 0, 1, ""},
	} {
		to := at(2, uint32(i+1))
		k.Begin(to, "", func(f wire.Frame, hs ...*Handle) {
			if f, ok := f.(*wire.Lane); ok {
				got = f
			}
			ReleaseAll(hs)
		})
		k.page(to, &wire.Page{Peer: from, Size: transport.RecvPageBytes}, []*Handle{inHand(t, tt.word).Retain()})
		exit := &wire.Exit{Addr: to, Summary: fmt.Sprint("death ", i)}
		k.Died(exit, tt.cause)
		k.Begin(at(2, 99), "", func(f wire.Frame, hs ...*Handle) {
			if f, ok := f.(*wire.Lane); ok {
				got = f
			}
			ReleaseAll(hs)
		})
		if got.From != from || got.Name != "sender" || got.Queue != open.Queue || got.Cells != open.Cells || got.Size != open.Size {
			t.Fatalf("the lane is %+v, want that of %+v", got, open)
		}
		if got.Start != tt.start || got.Attempt != tt.attempt || len(letters) != tt.letters || exit.Type != tt.of {
			t.Fatalf("death %d: the next begins at %d, attempt %d, after %d letters, and %q was in hand; want %+v", i, got.Start, got.Attempt, len(letters), exit.Type, tt)
		}
	}
	if x := letters[0]; x.Type != 8 || x.Reason != wire.LetterQuarantined || x.Text != "death 4" || x.Payload == nil {
		t.Errorf("the letter is %+v", x)
	}
	k.Progress(2)
	k.Died(&wire.Exit{Addr: at(2, 99)}, tree.Own)
	k.Gone(2)
	k.Died(&wire.Exit{Addr: from}, tree.Own)
	if len(letters) != 2 || letters[1].Type != 10 || letters[1].Reason != wire.LetterUnread {
		t.Errorf("what was unread: %+v", letters[1:])
	}
	if n := mappings(t); n != before {
		t.Errorf("%d pages are mapped, %d before", n, before)
	}
}

// TestPageOfTheCondemned: what an actor that is about to be killed has read of a mailbox
// that it was given before is known, although it gets nothing that it asks for.
func TestPageOfTheCondemned(t *testing.T) {
	mem, open := written(t, 3)
	letters := 0
	k := New(slog.New(slog.DiscardHandler), func(l Letter) {
		if letters++; l.Reason != wire.LetterQuarantined || l.Type != 8 {
			t.Errorf("letter: %+v", l)
		}
	})
	k.Overrun = func(wire.Addr, *BoundError) {}
	from, to := at(1, 1), at(2, 1)
	k.Add(1, "sender", wire.Mailbox{})
	k.Begin(from, "", func(_ wire.Frame, hs ...*Handle) { ReleaseAll(hs) })
	k.Add(2, "receiver", wire.Mailbox{})
	k.Begin(to, "", func(_ wire.Frame, hs ...*Handle) { ReleaseAll(hs) })
	l := &held{laneKey: laneKey{from, 2}, open: open, files: []*Handle{lent(t, mem)}}
	k.lanes[l.laneKey] = l
	k.overrun(to, &BoundError{})
	page, err := dup(inHand(t, transport.PackInFlight(1, 0, transport.HandIn)))
	if err != nil {
		t.Fatal(err)
	}
	k.Frame(to, &wire.Page{Peer: from, Size: transport.RecvPageBytes}, []transport.File{page})
	k.Died(&wire.Exit{Addr: to}, tree.Own)
	if letters != 1 || l.at.Seq != 2 {
		t.Errorf("%d letters; the next one begins at %d, want 2", letters, l.at.Seq)
	}
}

// TestUnreadThatCannotBeRead: what nobody can read of a lane whose receiver has ended is
// one dead letter, or none if the receiver has said so before.
func TestUnreadThatCannotBeRead(t *testing.T) {
	for _, said := range []bool{false, true} {
		mem, open := written(t, 3)
		send, err := transport.OpenSendPage(mem.Bytes(), int(open.Cells))
		if err != nil {
			t.Fatal(err)
		}
		send.Tail.Store(1 << 40)
		s, want := newStage(1), []uint8{wire.LetterLost}
		var letters []uint8
		s.Letter = func(l Letter) { letters = append(letters, l.Reason) }
		l := &held{laneKey: laneKey{at(1, 1), 2}, open: open, files: []*Handle{lent(t, mem)}}
		s.lanes[l.laneKey] = l
		if said {
			s.Frame(at(2, 1), &wire.Letter{From: at(1, 1), To: 2, Reason: wire.LetterCorrupt}, nil)
			want = []uint8{wire.LetterCorrupt}
		}
		s.dies(at(1, 1))
		s.dies(at(2, 1))
		s.Gone(2)
		if !slices.Equal(letters, want) || len(s.lanes) != 0 {
			t.Errorf("said before: %v; letters %d, want %d; lanes %v", said, letters, want, s.lanes)
		}
	}
}

// TestSuccessorSentItself: what a successor has sent to its own actor, which it never
// becomes, is not lost in silence.
func TestSuccessorSentItself(t *testing.T) {
	mem, open := written(t, 2)
	s := newStage(0)
	var letters []Letter
	s.Letter = func(l Letter) { letters = append(letters, l) }
	l := s.lane(at(1, 2), 1)
	l.open, l.files = open, []*Handle{lent(t, mem).Retain()}
	if s.SuccessorDied(at(1, 2)); len(letters) != 2 || len(s.lanes) != 0 {
		t.Fatalf("%d letters, %d lanes", len(letters), len(s.lanes))
	}
	if x := letters[1]; x.Type != 8 || x.To != 1 || x.Reason != wire.LetterUnread || !strings.Contains(x.Text, "was to replace") {
		t.Errorf("the letter is %+v", x)
	}
}

// queuesOf is how many SysV queues this machine has that a process was the last to send to.
func queuesOf(t *testing.T, pid int) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/sysvipc/msg")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 5 && f[5] == strconv.Itoa(pid) {
			n++
		}
	}
	return n
}

// TestQueueEndsWithItsLane: a queue that would outlive its descriptors is removed with the
// last one, which may be that of a frame on its way.
func TestQueueEndsWithItsLane(t *testing.T) {
	p, open, files := neverStops(t, "sysv")
	p.Expect("closed")
	from := at(1, 1)
	k := New(slog.New(slog.DiscardHandler), func(Letter) {})
	var onWay []*Handle
	k.Add(1, "sender", wire.Mailbox{})
	k.Begin(from, "", func(wire.Frame, ...*Handle) {})
	k.Add(2, "receiver", wire.Mailbox{Queue: open.Queue})
	k.Begin(at(2, 1), "", func(f wire.Frame, hs ...*Handle) { onWay = append(onWay, hs...) })
	open.To = 2
	k.Frame(from, open, files)
	if len(onWay) != len(files) || queuesOf(t, p.PID()) != 1 {
		t.Fatalf("%d descriptors for the receiver, %d queues", len(onWay), queuesOf(t, p.PID()))
	}
	if k.Close(); queuesOf(t, p.PID()) != 1 {
		t.Error("the queue is removed before the receiver has it")
	}
	if ReleaseAll(onWay); queuesOf(t, p.PID()) != 0 {
		t.Error("the queue outlives its lane")
	}
	p.Kill()
}

// TestProgressOfOne: the mark changes when a message is taken or completed, and only
// then; the message in hand does not count as one that waits, and the page of an
// incarnation before says nothing of the one that runs.
func TestProgressOfOne(t *testing.T) {
	mem, open := written(t, 2)
	k := New(slog.New(slog.DiscardHandler), func(Letter) {})
	from, to := at(1, 1), at(2, 1)
	k.Add(2, "receiver", wire.Mailbox{})
	k.Begin(to, "", func(_ wire.Frame, hs ...*Handle) { ReleaseAll(hs) })
	l := &held{laneKey: laneKey{from, 2}, open: open, files: []*Handle{lent(t, mem)}}
	k.lanes[l.laneKey] = l
	marks := map[uint64]bool{k.Progress(2).Mark: true}
	for i, tt := range []struct {
		word transport.InFlight
		want Progress
	}{
		{transport.PackInFlight(0, 0, transport.HandIn), Progress{Work: true, Waiting: 1, Type: "0x0000000000000007"}},
		{transport.PackInFlight(1, 0, transport.HandDone), Progress{Work: true, Waiting: 1}},
		{transport.PackInFlight(1, 0, transport.HandIn), Progress{Work: true, Type: "0x0000000000000008"}},
		{transport.PackInFlight(2, 0, transport.HandDone), Progress{}},
	} {
		l.page, l.pageOf = inHand(t, tt.word), 1
		got := k.Progress(2)
		if got != k.Progress(2) || marks[got.Mark] {
			t.Errorf("step %d: the mark is %x, then %x, after %v", i, got.Mark, k.Progress(2).Mark, marks)
		}
		marks[got.Mark] = true
		if got.Mark = 0; got != tt.want {
			t.Errorf("step %d: %+v, want %+v", i, got, tt.want)
		}
	}
	k.children[2].alive = 2
	if p := k.Progress(2); !p.Work || p.Waiting != 1 {
		t.Errorf("the next incarnation has done nothing, and has %+v", p)
	}
}

// TestSegmentsInHand: the dead letter of a large question has its header and what its
// block holds; its sender learns that it failed. A segment that its owner no longer has
// is kept with its lane, for that, and answers until nobody can want them: no longer.
func TestSegmentsInHand(t *testing.T) {
	for _, form := range []segment.Form{segment.FormMemfd, segment.FormSysV} {
		t.Run(form.String(), func(t *testing.T) { segmentsInHand(t, form) })
	}
}

func segmentsInHand(t *testing.T, form segment.Form) {
	var letters []Letter
	k := New(slog.New(slog.DiscardHandler), func(l Letter) { letters = append(letters, l) })
	k.Payloads = true
	from, to, failed := at(1, 1), at(2, 1), []uint64{}
	box := wire.Mailbox{Queue: wire.QueueRing, Segment: uint8(form), Blocks: uint8(segment.PolicyPool)}
	k.Add(1, "sender", box)
	k.Begin(from, "", func(f wire.Frame, hs ...*Handle) {
		if f, ok := f.(*wire.AskFailed); ok && f.To == 2 {
			failed = append(failed, f.Ask)
		}
		ReleaseAll(hs)
	})
	k.Add(2, "receiver", box)
	begin := func() { k.Begin(to, "", func(_ wire.Frame, hs ...*Handle) { ReleaseAll(hs) }) }
	begin()
	mem, open := written(t, 0)
	send, err := transport.OpenSendPage(mem.Bytes(), int(open.Cells))
	if err != nil {
		t.Fatal(err)
	}
	e := wire.Entry{Kind: wire.EntryAsk, Flags: wire.FlagBlock, Type: 7, Ask: 5, Payload: wire.BlockRef{Segment: 1, Index: 1, Length: 6}}
	s := ring.NewSender(send)
	b, err := s.Reserve(e.Header())
	if err != nil {
		t.Fatal(err)
	}
	e.Put(b)
	s.Publish()
	l := &held{laneKey: laneKey{from, 2}, open: open, files: []*Handle{lent(t, mem)}}
	k.lanes[l.laneKey] = l

	before := mappings(t)
	kept := func() int { return mappings(t) - before }
	block := func(who wire.Addr, f *wire.Segment) {
		t.Helper()
		m, err := segment.Create("block", 3*4096, segment.Options{Form: form})
		if err != nil {
			t.Skip(err)
		}
		copy(m.Bytes()[segment.PolicyPool.Offset(1, 4096):], "second")
		file, err := dup(&Handle{File: m.File()})
		if err != nil {
			t.Fatal(err)
		}
		f.Size, f.Class, f.Blocks = 3*4096, 4096, 2
		k.segment(who, f, []*Handle{NewHandle(file)})
		m.Close()
	}
	block(from, &wire.Segment{Peer: to, ID: 1})
	block(to, &wire.Segment{Peer: from, ID: 1, Reply: 1})
	if n := kept(); form == segment.FormSysV && n != 2 {
		t.Fatalf("%d segments are kept, want 2", n)
	}
	l.page, l.pageOf = inHand(t, transport.PackInFlight(0, 0, transport.HandIn)), 1
	k.Died(&wire.Exit{Addr: to, Summary: "ended"}, tree.Own)
	if len(letters) != 1 || letters[0].Size != 6 || string(letters[0].Payload) != "second" {
		t.Errorf("letters: %+v", letters)
	}
	if len(failed) != 1 || failed[0] != 5 {
		t.Errorf("questions that failed: %v", failed)
	}
	if form == segment.FormSysV && len(l.replies) != 1 {
		t.Error("the last answers of the dead are not kept")
	}
	to.Incarnation++
	begin()
	block(to, &wire.Segment{Peer: from, ID: 1, Reply: 1})
	k.Died(&wire.Exit{Addr: to}, tree.Own)
	if form == segment.FormSysV && (len(l.replies) != 1 || l.replies[0].f.Peer != to) {
		t.Errorf("the last answers of two that are dead are not what is kept: %+v", l.replies)
	}
	if k.Died(&wire.Exit{Addr: from}, tree.Own); form == segment.FormSysV && kept() != 2 {
		t.Errorf("%d segments are kept of the dead, want 2", kept())
	}
	if k.Close(); kept() != 0 {
		t.Errorf("%d segments are kept at the end", kept())
	}
}
