package keeper

import (
	"log/slog"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// lent is a descriptor of a segment as the keeper holds it.
func lent(t *testing.T, m *segment.Memory) *Handle {
	t.Helper()
	f, err := dup(&Handle{File: m.File().(*os.File)})
	if err != nil {
		t.Fatal(err)
	}
	h := NewHandle(f)
	t.Cleanup(h.Release)
	return h
}

// noDescriptors lets this process open no more, until the test ends.
func noDescriptors(t *testing.T) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next), Max: old.Max}); err != nil {
		t.Skip("RLIMIT_NOFILE cannot be set: ", err)
	}
	if fd, err := unix.Dup(0); err == nil {
		t.Errorf("descriptor %d beyond the limit", fd)
		unix.Close(fd)
	}
	return func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
}

// written is a lane with n messages of the types 7, 8 and so on, each of one cell.
func written(t *testing.T, n int) (*segment.Memory, wire.Open) {
	t.Helper()
	const cells = 16 << 10
	mem, err := segment.Create("lane", transport.SendPageHeader+cells, segment.Options{Form: segment.FormMemfd})
	if err != nil {
		t.Skip("no memfd: ", err)
	}
	t.Cleanup(func() { mem.Close() })
	send, err := transport.NewSendPage(mem.Bytes(), cells)
	if err != nil {
		t.Fatal(err)
	}
	s := ring.NewSender(send)
	for i := range n {
		b, err := s.Reserve(wire.PlainHeader(wire.EntryTell))
		if err != nil {
			t.Fatal(err)
		}
		wire.PutPlain(b, wire.EntryTell, 7+uint64(i), 0, 0)
		s.Publish()
	}
	return mem, wire.Open{Size: uint32(len(mem.Bytes())), Cells: cells, Queue: wire.QueueRing}
}

// inHand is the page of a receiver that says so of its message.
func inHand(t *testing.T, word transport.InFlight) *Handle {
	t.Helper()
	mem, err := segment.Create("page", transport.RecvPageBytes, segment.Options{Form: segment.FormMemfd})
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	recv, err := transport.NewRecvPage(mem.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	recv.InFlight.Store(uint64(word))
	return lent(t, mem)
}

// TestAccountsWithoutDescriptors: who has no descriptor left still judges the
// message that was in hand at a death, and makes dead letters of what is unread.
func TestAccountsWithoutDescriptors(t *testing.T) {
	mem, open := written(t, 3)
	page := inHand(t, transport.PackInFlight(0, 0, transport.HandIn))

	var letters []Letter
	k := New(slog.New(slog.DiscardHandler), func(l Letter) { letters = append(letters, l) })
	from, to := wire.Addr{ID: 1, Incarnation: 1}, wire.Addr{ID: 2, Incarnation: 1}
	for _, a := range []wire.Addr{from, to} {
		k.Add(a.ID, "child", wire.Mailbox{})
		k.Begin(a, "", func(wire.Frame, ...*Handle) {})
	}
	key := laneKey{from: from, to: to.ID}
	k.lanes[key] = &held{laneKey: key, open: open, files: []*Handle{lent(t, mem)}, page: page, pageOf: to.Incarnation}
	restore := noDescriptors(t)
	defer restore()
	k.Died(&wire.Exit{Addr: to, Summary: "ended"}, tree.Own)
	if len(letters) != 1 || letters[0].Reason != wire.LetterQuarantined {
		t.Fatalf("of the message in hand: %+v", letters)
	}
	k.Died(&wire.Exit{Addr: from, Summary: "ended too"}, tree.Own)
	k.Gone(to.ID)
	if len(letters) != 3 || letters[1].Reason != wire.LetterUnread || letters[2].Reason != wire.LetterUnread {
		t.Errorf("of three messages, the first in hand: %+v", letters)
	}
}

// TestPagesThatCannotBeMapped are an error, whichever they are.
func TestPagesThatCannotBeMapped(t *testing.T) {
	mem, err := segment.Create("lane", transport.SendPageHeader+16<<10, segment.Options{Form: segment.FormMemfd})
	if err != nil {
		t.Skip("no memfd: ", err)
	}
	defer mem.Close()
	if _, err := transport.NewSendPage(mem.Bytes(), 16<<10); err != nil {
		t.Fatal(err)
	}
	good, before := wire.Open{Size: uint32(len(mem.Bytes())), Cells: 16 << 10}, mappings(t)
	for what, l := range map[string]*held{
		"another size":      {open: wire.Open{Size: 4096, Cells: 16 << 10}, files: []*Handle{lent(t, mem)}},
		"another geometry":  {open: wire.Open{Size: good.Size, Cells: 32 << 10}, files: []*Handle{lent(t, mem)}},
		"a page of no size": {open: good, files: []*Handle{lent(t, mem)}, page: lent(t, mem)},
	} {
		if m, err := l.mapped(); err == nil {
			t.Errorf("%s: no error", what)
			m.close()
		}
	}
	if n := mappings(t); n != before {
		t.Errorf("%d pages are mapped, %d before", n, before)
	}
}

// TestBlocksOfLetters: what a dead letter has of a block is what its sender wrote there,
// also of one that several were handed, which is not cut as an arena is.
func TestBlocksOfLetters(t *testing.T) {
	const class = 4096
	for _, tt := range []struct {
		id  uint16
		cut segment.Policy
	}{{1, segment.PolicyPool}, {1, segment.PolicyArena}, {segment.SharedIDs, segment.PolicyPool}, {segment.SharedIDs, segment.PolicyArena}} {
		at := tt.cut.Offset(1, class)
		if tt.id == segment.SharedIDs {
			at = segment.PolicyPool.Offset(1, class)
		}
		mem, err := segment.Create("blocks", 3*class, segment.Options{Form: segment.FormMemfd, Populate: true})
		if err != nil {
			t.Skip("no memfd: ", err)
		}
		defer mem.Close()
		copy(mem.Bytes()[at:], "the message")
		l := &held{segments: []kept{{f: wire.Segment{ID: tt.id, Size: 3 * class, Class: class, Blocks: 2}, file: lent(t, mem)}}}
		got := l.block(wire.BlockRef{Segment: tt.id, Index: 1, Length: 11}, wire.Mailbox{Blocks: uint8(tt.cut)}, 100)
		if string(got) != "the message" {
			t.Errorf("block 1 of segment %d, %v: %q", tt.id, tt.cut, got)
		}
	}
}
