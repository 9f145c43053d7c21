package keeper

import (
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// kept is a segment that a lane keeps.
type kept struct {
	f    wire.Segment
	file *Handle
}

// segment keeps a sender's segments for later incarnations of the receiver. Segments of
// replies have only one user, and are passed on to it.
func (k *Keeper) segment(from wire.Addr, f *wire.Segment, hs []*Handle) {
	token := f.Token
	f.Token = 0
	l, owner := k.lanes[laneKey{from, f.Peer.ID}], k.children[f.Peer.ID] // of the mailbox, whose form it is
	if f.Reply == 1 {
		l, owner = k.lanes[laneKey{f.Peer, from.ID}], k.children[from.ID]
	}
	if l != nil && f.Blocks > 0 == l.has(f) {
		// It is announced twice, or nobody knows it: passed on, such frames would occupy
		// the other side, as many as its owner likes.
		k.Log.Error("segment refused: announced twice, or retired without that", "from", from, "segment", f.ID)
		ReleaseAll(hs)
		k.post(from, &wire.Ack{Token: token})
		return
	}
	if l != nil && f.Blocks > 0 && !k.allowSegment(from, l, f) {
		ReleaseAll(hs)
		return
	}
	if owner != nil && len(hs) > 0 {
		if err := hs[0].keep(f, owner.mailbox); err != nil {
			k.Log.Error("segment cannot be kept: messages in it are lost if its owner dies", "from", from, "err", err)
		}
	}
	switch {
	case l == nil: // sender or receiver is dead
		ReleaseAll(hs)
	case f.Reply == 1:
		to := f.Peer
		f.Peer = from
		l.keepReply(f, hs)
		k.post(to, f, hs...)
	default:
		c := k.reader(l)
		f.Peer = from
		if f.Blocks > 0 {
			l.segments = append(l.segments, kept{*f, hs[0].Retain()})
		} else {
			l.forget(f.ID)
		}
		if c != nil {
			c.post(f, hs...)
		} else {
			ReleaseAll(hs)
		}
	}
	k.post(from, &wire.Ack{Token: token})
}

// has says whether the segment that f is about has been announced on the lane, and was
// not taken back.
func (l *held) has(f *wire.Segment) bool {
	if f.Reply == 1 {
		_, ok := l.answering[f.ID]
		return ok
	}
	return slices.ContainsFunc(l.segments, func(s kept) bool { return s.f.ID == f.ID })
}

// forget drops a segment that its owner has taken back.
func (l *held) forget(id uint16) {
	l.segments = slices.DeleteFunc(l.segments, func(s kept) bool {
		if s.f.ID == id {
			s.file.Release()
		}
		return s.f.ID == id
	})
}

// keepReply keeps a segment of replies until the asker can no longer need it, if its
// descriptor alone does not keep it alive.
func (l *held) keepReply(f *wire.Segment, hs []*Handle) {
	if f.Blocks == 0 {
		delete(l.answering, f.ID)
		l.forgetReplies(func(s kept) bool { return s.f.Peer == f.Peer && s.f.ID == f.ID })
		return
	}
	if l.answering == nil {
		l.answering = map[uint16]struct{}{}
	}
	l.answering[f.ID] = struct{}{}
	if hs[0].hold != nil {
		l.replies = append(l.replies, kept{*f, hs[0].Retain()})
	}
}

func (l *held) forgetReplies(match func(kept) bool) {
	l.replies = slices.DeleteFunc(l.replies, func(s kept) bool {
		if match(s) {
			s.file.Release()
			return true
		}
		return false
	})
}
