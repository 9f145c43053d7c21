package keeper

import (
	"os"
	"testing"

	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestBlock: the keeper copies out of a segment what a message in hand names,
// and believes neither the message nor who announced the segment.
func TestBlock(t *testing.T) {
	m, err := segment.Create("block", 3*4096, segment.Options{Form: segment.FormMemfd})
	if err != nil {
		t.Skip("no memfd: ", err)
	}
	defer m.Close()
	copy(m.Bytes()[segment.PolicyPool.Offset(1, 4096):], "second")
	copy(m.Bytes()[segment.PolicyArena.Offset(1, 4096):], "unit 1")
	for _, c := range []struct {
		what   string
		policy segment.Policy
		class  uint64
		blocks uint32
		b      wire.BlockRef
		want   string
	}{
		{"a block", segment.PolicyPool, 4096, 2, wire.BlockRef{Segment: 1, Index: 1, Length: 6}, "second"},
		{"all of a block", segment.PolicyPool, 4096, 2, wire.BlockRef{Segment: 1, Index: 1, Length: 4096}, "second" + string(make([]byte, 4090))},
		{"a block of an arena", segment.PolicyArena, 4096, 3, wire.BlockRef{Segment: 1, Length: 4102}, string(make([]byte, 4096)) + "unit 1"},
		{"beyond the arena", segment.PolicyArena, 4096, 3, wire.BlockRef{Segment: 1, Index: 1, Length: 8193}, ""},
		{"units that overflow", segment.PolicyArena, 1 << 63, 3, wire.BlockRef{Segment: 1, Index: 1, Length: 1}, ""},
		{"longer than a block", segment.PolicyPool, 4096, 2, wire.BlockRef{Segment: 1, Length: 4097}, ""},
		{"no such block", segment.PolicyPool, 4096, 2, wire.BlockRef{Segment: 1, Index: 2, Length: 1}, ""},
		{"no such segment", segment.PolicyPool, 4096, 2, wire.BlockRef{Segment: 2, Length: 1}, ""},
		{"no blocks", segment.PolicyPool, 4096, 0, wire.BlockRef{Segment: 1, Length: 1}, ""},
		{"blocks beyond the segment", segment.PolicyPool, 8192, 2, wire.BlockRef{Segment: 1, Index: 1, Length: 1}, ""},
		{"blocks that overflow", segment.PolicyPool, 1 << 63, 2, wire.BlockRef{Segment: 1, Index: 1, Length: 1 << 63}, ""},
	} {
		f, err := dup(&Handle{File: m.File().(*os.File)})
		if err != nil {
			t.Fatal(err)
		}
		h := NewHandle(f)
		l := &held{segments: []kept{{wire.Segment{ID: 1, Size: 3 * 4096, Class: c.class, Blocks: c.blocks}, h}}}
		if got := l.block(c.b, wire.Mailbox{Segment: uint8(segment.FormMemfd), Blocks: uint8(c.policy)}, MaxLetter); string(got) != c.want {
			t.Errorf("%s: %q", c.what, got)
		}
		h.Release()
	}
}
