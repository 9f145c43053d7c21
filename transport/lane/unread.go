package lane

import (
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// Unread counts the entries of a lane that no handler has had, while both of its sides go
// on: so the number is of one moment. recv is nil if no receiver that lives has published
// a page; the receiver began, or will begin, at began. Of a queue in the kernel the number
// is at most most, whatever the sender's page says.
func (f *Form) Unread(send *transport.SendPage, recv *transport.RecvPage, began transport.Place, most uint64) uint64 {
	if f.Record == nil {
		return ringUnread(send, recv, began.Seq)
	}
	tail, at, inHand := send.Tail.Load(), began.Seq, false
	if recv != nil {
		if n := recv.Normal.Load() + recv.Urgent.Load(); n >= at && n <= tail {
			at = n
		}
		word := transport.InFlight(recv.InFlight.Load())
		inHand = word.State() == transport.HandIn && word.Seq() == at&(1<<48-1)
	}
	return less(min(max(tail, at)-at, most), inHand)
}

// ringUnread is Unread for a ring. If the sender has gone round meanwhile, it counts
// again, but not for ever.
func ringUnread(send *transport.SendPage, recv *transport.RecvPage, start uint64) (n uint64) {
	for range 3 {
		at, inHand := start, false
		if recv != nil {
			at, inHand = ringPlace(send, recv, start)
		}
		var ok bool
		if n, ok = ring.Count(send, at); ok {
			return less(n, inHand)
		}
	}
	return n
}

func less(n uint64, one bool) uint64 {
	if one && n > 0 {
		n--
	}
	return n
}
