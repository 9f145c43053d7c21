package keeper

import (
	"encoding/binary"
	"hash/fnv"
	"slices"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// Progress is what the pages of a mailbox say about its actor at one moment. The actor
// itself is not asked.
type Progress struct {
	Mark    uint64 // changes whenever a message is taken or completed
	Work    bool   // a message is in hand or waiting
	Waiting int    // lanes with waiting messages
	Type    string // of the message in hand, or ""
}

// Progress looks at the lanes to a child.
func (k *Keeper) Progress(id uint32) (p Progress) {
	sum := fnv.New64a()
	for _, l := range k.to(id) {
		if l.broken == k.children[id].alive && l.broken != 0 {
			continue // nobody reads this lane any more
		}
		m, err := l.mapped()
		if err != nil {
			continue // what cannot be read cannot be held against the actor
		}
		k.look(l, m, k.children[id].alive, &p, func(w uint64) {
			var b [16]byte
			binary.LittleEndian.PutUint32(b[:], l.from.ID)
			binary.LittleEndian.PutUint32(b[4:], l.from.Incarnation)
			binary.LittleEndian.PutUint64(b[8:], w)
			_, _ = sum.Write(b[:])
		})
		m.close()
	}
	p.Mark = sum.Sum64()
	return p
}

func (k *Keeper) look(l *held, m *memory, incarnation uint32, p *Progress, mark func(uint64)) {
	at := l.at.Seq
	if form, err := lane.FormOf(l.open.Queue); err == nil && m.recv != nil && l.pageOf == incarnation {
		mark(m.recv.InFlight.Load())
		left := form.Remains(m.send, m.recv, l.at)
		at = left.At
		if left.InHand {
			p.Work = true
			at = max(at+1, left.Entry.End)
			var h wire.Entry
			if _, err := h.Parse(left.Entry.Bytes); err == nil {
				p.Type = k.TypeName(h.Type)
			}
		} else if l.lacks(left.Entry) {
			return
		}
	}
	if tail := m.send.Tail.Load(); int64(tail-at) > 0 { // as the actor sees it
		p.Work = true
		p.Waiting++
	}
}

// lacks says whether an entry names a segment or files that its sender has not announced.
// The actor waits for them, as it must, and is not to blame for that.
func (l *held) lacks(e transport.Entry) bool {
	var h wire.Entry
	if _, err := h.Parse(e.Bytes); err != nil {
		return false // the actor will close the lane
	}
	unknown := func(b wire.BlockRef) bool {
		if b.Segment == wire.FileSegment {
			return l.exit == nil
		}
		return !l.has(&wire.Segment{ID: b.Segment})
	}
	return h.Flags&wire.FlagBlock != 0 && unknown(h.Payload) || slices.ContainsFunc(h.Lent[:h.N], unknown)
}
