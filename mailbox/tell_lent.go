package mailbox

import (
	"runtime"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// tellLent is Tell for a message with one lent buffer beside a payload of t.Beside bytes,
// if the buffer is one of o, and o's queue is a ring with room. It returns false if
// nothing was sent, and the buffer is still the sender's: then Send sends it, or says why
// it cannot.
func tellLent(o *Outbox, t *codec.Type, m any) bool {
	n := wire.LentHeader + t.Beside()
	if t.Beside() > o.inline || n > o.entry {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.lane
	b := out.Quick(n)
	if b == nil {
		if b = out.Claim(n); b == nil {
			return false
		}
	}
	buf, ok := codec.AppendBeside(t, b[wire.LentHeader:n], m).(*Buffer)
	if !ok || buf.l == nil || buf.l.from != o.store {
		return false
	}
	l, generation, length := buf.l, buf.generation, uint64(buf.n)
	runtime.KeepAlive(m)
	// A ring cannot refuse an entry that it has reserved, so the buffer can be made dead first.
	if !l.move(generation, leaseWriting, leaseSent) {
		return false
	}
	block := l.ref(generation, length)
	o.store.LentOpen(l.slot, block.Generation, out.Next())
	wire.PutLentTell(b, uint64(t.ID()), &block)
	seen := out.Sleeps()
	out.Show()
	if out.Armed() {
		out.Rouse(seen)
	}
	o.large++
	o.lent++
	o.bytes += uint64(t.Beside())
	o.lentBytes += block.Length
	if block.Length > uint64(o.store.Largest()) {
		o.whole++
	}
	return true
}
