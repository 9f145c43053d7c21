package mailbox

import (
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// Tell is Send of what m points to, as a message that wants no answer. It returns false
// if nothing was sent: then Send says why. This is the path of most messages, values
// without pointers for a ring with room: measure every change.
func Tell(o *Outbox, m any) bool {
	t := codec.Known(m)
	if t == nil {
		return false
	}
	if t.Room() > o.inline {
		return t.Beside() > 0 && tellLent(o, t, m) || Send(o, wire.EntryTell, 0, 0, t, m) == nil
	}
	n := t.Room()
	o.mu.Lock()
	l := o.lane
	b := l.Quick(wire.TellHeader + n)
	if b == nil {
		if b = l.Claim(wire.TellHeader + n); b == nil {
			o.mu.Unlock()
			return false
		}
	}
	wire.PutTell(b, uint64(t.ID()))
	codec.Put(b, wire.TellHeader, t.Memory(m))
	seen := l.Sleeps()
	l.Show()
	if l.Armed() {
		l.Rouse(seen)
	}
	o.small++
	o.bytes += uint64(n)
	o.mu.Unlock()
	return true
}
