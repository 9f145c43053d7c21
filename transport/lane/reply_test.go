package lane

import (
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// TestImpossibleReply: a receiver that names a length beyond the slot gets its
// asker an empty reply, which is refused as one, and no panic.
func TestImpossibleReply(t *testing.T) {
	page, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{Page: page}
	for _, n := range []uint64{maxReply, maxReply + 1, 1 << 63, 1<<64 - 1} {
		for _, slot := range []int{0, transport.ReplySlots - 1} {
			words := page.Slot(slot)
			transport.Word64(words, 8).Store(n)
			transport.Word64(words, 0).Store(7)
			b, ok := p.Answered(slot, 7)
			want := 0
			if n == maxReply {
				want = maxReply
			}
			if !ok || len(b) != want {
				t.Errorf("length %d in slot %d: %d bytes, %v; want %d", n, slot, len(b), ok, want)
			}
		}
	}
}

// TestRepliesAreNotMissed: more replies than the ring remembers, also some that come
// while it is read, mean that any slot may have been answered.
func TestRepliesAreNotMissed(t *testing.T) {
	for _, c := range []struct{ before, meanwhile int }{{3, 0}, {255, 0}, {256, 0}, {257, 0}, {3, 252}, {3, 253}, {3, 300}, {0, 0}} {
		page, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var written uint64
		reply := func(n int) {
			for range n {
				page.Replies[written%transport.ReplySlots].Store(uint32(written % transport.ReplySlots))
				written++
				page.ReplyTail.Store(written)
			}
		}
		reply(100)
		seen, next := written, written
		reply(c.before)
		p, more := &Peer{Page: page}, c.meanwhile
		told := p.Replies(&seen, func(slot int) {
			if uint64(slot) != next%transport.ReplySlots {
				t.Errorf("%+v: slot %d, want %d", c, slot, next%transport.ReplySlots)
			}
			next++
			if next == 101 { // the first has been read
				reply(more)
			}
		})
		if want := c.before+c.meanwhile < transport.ReplySlots; told != want {
			t.Errorf("%+v: all were told: %v, want %v", c, told, want)
		}
		if seen != uint64(100+c.before) {
			t.Errorf("%+v: seen %d", c, seen)
		}
		if c.before >= transport.ReplySlots && next != 100 {
			t.Errorf("%+v: %d are told of, and any may have been overwritten", c, next-100)
		}
	}
}

// TestHostileReplyTail: a receiver that says it has replied more often than anybody can
// count, or less often than before, is not counted after.
func TestHostileReplyTail(t *testing.T) {
	page, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{Page: page}
	for _, tail := range []uint64{1 << 63, 1<<64 - 1, 99} {
		seen := uint64(100)
		page.ReplyTail.Store(tail)
		if p.Replies(&seen, func(int) { t.Fatalf("tail %d: it is counted after", tail) }) || seen != tail {
			t.Errorf("tail %d: all were told, or seen is %d", tail, seen)
		}
	}
}
