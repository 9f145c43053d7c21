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
