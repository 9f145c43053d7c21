package mailbox

import (
	"testing"

	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestTicketIsNoSize: the packet of a message's files has a number, which grows with
// each; it does not make the message one with a segment of its own.
func TestTicketIsNoSize(t *testing.T) {
	s := &store{Pool: segment.NewPool(segment.PoolConfig{MaxBytes: 4096})}
	defer s.Close()
	p := &parcel{head: wire.Entry{N: 2}}
	p.head.Lent[0] = wire.BlockRef{Length: 4096}
	p.head.Lent[1] = wire.BlockRef{Segment: wire.FileSegment, Length: 4097}
	if p.whole(s) {
		t.Error("a ticket was taken for a number of bytes")
	}
	p.head.Lent[0].Length++
	if !p.whole(s) {
		t.Error("a buffer with a segment of its own was not counted")
	}
}
