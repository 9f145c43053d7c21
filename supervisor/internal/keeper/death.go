package keeper

import (
	"errors"
	"slices"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// Died records the death of an incarnation, whose memory no longer changes. What it had
// in hand is judged; its senders learn what will not be answered, and its receivers that
// its lanes are final. Its monitors are notified by Notify, which has to follow.
func (k *Keeper) Died(exit *wire.Exit, cause tree.Cause) {
	c := k.children[exit.Addr.ID]
	if c == nil || c.alive != exit.Addr.Incarnation {
		return
	}
	c.alive, c.post, c.last = 0, nil, exit
	k.acquit(exit.Addr)
	k.settle(c, exit, cause)
	k.leaveAll(exit.Addr, exit)
	for _, p := range k.pools {
		delete(p.told, exit.Addr)
	}
	k.monitors = slices.DeleteFunc(k.monitors, func(w watcher) bool { return w.by == exit.Addr })
	for _, peer := range k.unlink(exit.Addr) {
		k.exitTo(peer, exit)
	}
}

// settle closes the accounts of a dead incarnation: of the lanes that it read,
// and of those that it wrote.
func (k *Keeper) settle(c *child, exit *wire.Exit, cause tree.Cause) {
	for _, l := range k.to(c.id) {
		// The replies of this incarnation may still be being read.
		l.forgetReplies(func(s kept) bool { return s.f.Peer.Incarnation < exit.Addr.Incarnation })
		l.answering = nil // the ids of the next incarnation are others
		if l.pageOf == exit.Addr.Incarnation {
			k.judge(l, c, exit, cause)
		}
	}
	k.retire(exit.Addr)
}

// retire says that the lanes of a dead sender are final.
func (k *Keeper) retire(from wire.Addr) {
	for _, l := range k.sorted(func(l *held) bool { return l.from == from }) {
		l.retired = true
		if l.ending != nil {
			k.bury(l)
			continue
		}
		if to := k.reader(l); to != nil {
			to.post(&wire.Retire{From: l.from})
		}
	}
	for _, to := range k.children {
		delete(to.known, from)
		to.hasClosed(from)
	}
}

// Gone records that a child will not be started again. Its unread messages become dead
// letters, lane by lane, when the sender of each has closed it.
func (k *Keeper) Gone(id uint32) {
	if p := k.pools[id]; p != nil {
		p.gone = true
	}
	c := k.children[id]
	if c == nil || c.gone {
		return
	}
	c.gone, c.drain = true, nil
	k.leaveAll(wire.Addr{ID: id}, c.lastExit())
	for _, l := range k.to(id) {
		k.end(l, c.lastExit())
	}
}

// end asks the sender of a lane whose receiver is gone to close it: until then more may
// come. A dead sender counts as having closed it.
func (k *Keeper) end(l *held, exit *wire.Exit) {
	l.ending = exit
	if l.retired {
		k.bury(l)
		return
	}
	k.post(l.from, &wire.Gone{ID: l.to, Exit: *exit})
}

// bury turns the unread messages of a lane that nobody will read into dead letters, and
// drops the lane. What cannot be read is one letter, unless the receiver has said before
// that it cannot be.
func (k *Keeper) bury(l *held) {
	if err := k.unread(l); err != nil && l.broken == 0 {
		k.Letter(Letter{Letter: wire.Letter{From: l.from, To: l.to, Reason: wire.LetterLost, Text: "what is unread in the lane cannot be read: " + err.Error()}})
	}
	k.drop(l)
}

// judge decides what happens to the message that was in hand.
func (k *Keeper) judge(l *held, c *child, exit *wire.Exit, cause tree.Cause) {
	m, err := l.mapped()
	if err != nil {
		k.Log.Error("mailbox of a dead actor cannot be read: its message in hand stays first", "actor", c.name, "err", err)
		return
	}
	defer m.close()
	form, err := lane.FormOf(l.open.Queue)
	if err != nil {
		k.Log.Error("mailbox of a dead actor cannot be read", "actor", c.name, "err", err)
		return
	}
	left := form.Remains(m.send, m.recv, l.at)
	at, entry := left.At, left.Entry
	if !left.InHand {
		if left.At != l.at.Seq {
			l.attempt = 0
		}
		l.at = left.Again() // this incarnation's handler has not seen what left the queue
		return
	}
	l.attempt = 0
	var h wire.Entry
	payload, err := h.Parse(entry.Bytes)
	if err == nil && h.Kind == wire.EntryAsk && lane.Replied(m.recv, h.Ask) {
		// It died before it could say that it has dealt with the ask, perhaps even before
		// it could wake the asker, which finds the answer when it is told of a failure.
		l.at = left.Past()
		k.post(l.from, &wire.AskFailed{To: c.id, Ask: h.Ask, Exit: *exit})
		return
	}
	if err == nil && h.Kind == wire.EntryTell && l.told == (told{exit.Addr.Incarnation, at}) {
		l.at = left.Past() // it died before it could say that it has dealt with it; the letter is there
		return
	}
	if l.chargeAt != at {
		l.chargeAt, l.charge = at, tree.Charge{}
	}
	charge, decision := tree.Verdict(l.charge, cause, tree.Policy{Redeliver: int(c.mailbox.Redeliver)})
	l.charge = charge
	if err == nil {
		exit.Type = k.TypeName(h.Type)
		if k.dropFiles(l, &h) {
			decision = tree.Quarantine
		}
	}
	if decision == tree.Redeliver || entry.Bytes == nil {
		l.at, l.attempt = left.Again(), min(transport.InFlight(m.recv.InFlight.Load()).Attempt(), 254)+1
		return
	}
	l.at = left.Past()
	if err != nil {
		k.Log.Error("message in hand has no header", "actor", c.name, "err", err)
		return
	}
	k.letter(l, c, &h, payload, wire.LetterQuarantined, exit)
	if h.Kind == wire.EntryAsk {
		k.post(l.from, &wire.AskFailed{To: c.id, Ask: h.Ask, Exit: *exit})
	}
}

// dropFiles says whether a message that was in hand has files, and closes those that the
// dead process had not received. Such a message is never handled again: what the first
// handler did with a file, and how far it read, cannot be undone.
func (k *Keeper) dropFiles(l *held, h *wire.Entry) bool {
	ticket, n := h.Files()
	if n > 0 && l.exit != nil {
		if err := sock.Drop(l.exit.File, ticket); err != nil {
			k.Log.Warn("files of a message in hand could not be closed", "err", err)
		}
	}
	return n > 0
}

// letter makes a dead letter of a message in a lane to c. h is its header, and inline
// what follows that.
func (k *Keeper) letter(l *held, c *child, h *wire.Entry, inline []byte, reason uint8, exit *wire.Exit) {
	letter := Letter{Letter: wire.Letter{From: l.from, To: c.id, Type: h.Type, Size: uint64(len(inline)), Reason: reason, Text: exit.Summary}}
	block := h.Flags&wire.FlagBlock != 0
	if block {
		letter.Size = h.Payload.Length
	}
	switch {
	case !k.Payloads:
	case block:
		letter.Payload = l.block(h.Payload, c.mailbox, MaxLetter)
	default:
		letter.Payload = append([]byte{}, inline[:min(len(inline), MaxLetter)]...)
	}
	k.Letter(letter)
}

// unread turns everything unread in a lane into dead letters. Its sender is dead or has
// said that it has closed the lane. What it sends after that is ignored, so that a
// sender that goes on sending does not occupy the keeper.
func (k *Keeper) unread(l *held) error {
	m, err := l.mapped()
	if err != nil {
		return err
	}
	defer m.close()
	r, err := m.reader(l)
	if err != nil {
		return err
	}
	defer r.Close()
	most, end := l.mostUnread(m.send), l.at.Seq
	for n := uint64(0); ; n++ {
		tail := m.send.Tail.Load() // before the queue, in which an entry is before it is in the tail
		e, err := r.Next()
		if errors.Is(err, transport.ErrEmpty) {
			if int64(tail-end) > 0 { // it lies, or somebody has removed the queue
				return &transport.CorruptError{What: "tail of an empty queue", Value: tail, Limit: end}
			}
			return nil
		}
		if err != nil {
			return err
		}
		if n == most {
			return &transport.CorruptError{What: "unread entries of a lane that its sender has closed", Value: n + 1, Limit: most}
		}
		var h wire.Entry
		payload, err := h.Parse(e.Bytes)
		if err != nil {
			return err
		}
		reason := uint8(wire.LetterUnread)
		if n == 0 && l.attempt > 0 {
			reason = wire.LetterQuarantined // it was to be handled again
		}
		k.letter(l, k.children[l.to], &h, payload, reason, l.ending)
		end = e.End
		r.Done()
	}
}

// mostInKernel bounds the entries of a queue in the kernel, which never holds more. The
// tail alone cannot be trusted, since the sender writes it.
var mostInKernel uint64 = 1 << 18

// mostUnread is the largest number of unread entries of a lane whose sender has closed
// it.
func (l *held) mostUnread(send *transport.SendPage) uint64 {
	most := mostInKernel
	if l.open.Queue == wire.QueueRing {
		most = uint64(l.open.Cells) / ring.CellBytes
	}
	// + 1: the sender may have died between writing an entry and the tail.
	return min(most, max(send.Tail.Load()+1, l.at.Seq)-l.at.Seq)
}
