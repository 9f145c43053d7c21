package node

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// lateFrame is a segment or passage that came before its lane.
type lateFrame struct {
	f    wire.Frame
	file transport.File
}

// control handles one frame from the supervisor. It owns files.
func (n *Node) control(f wire.Frame, files []transport.File) {
	switch f := f.(type) {
	case *wire.Target:
		n.answer(f.Token, f)
	case *wire.Ack:
		n.answer(f.Token, f)
	case *wire.Answer:
		n.answerPiece(f)
	case *wire.Members:
		n.members(f)
	case *wire.Leaving:
		n.leave(f.ID)
	case *wire.Drain:
		n.draining.Store(true)
		n.kick()
	case *wire.Lane:
		n.acceptLane(f, files)
	case *wire.Page:
		n.installPage(f, files)
	case *wire.Segment, *wire.Passage:
		n.addPart(f, first(files))
	case *wire.Retire:
		n.retire(f.From)
	case *wire.Gone:
		if t := n.Known(f.ID); t != nil {
			n.closeTarget(t, &f.Exit)
		}
	case *wire.Closed:
		n.shutOut(f.To)
	case *wire.Back:
		n.forget(f.ID)
	case *wire.AskFailed:
		if t := n.Known(f.To); t != nil && t.gone.Load() == nil {
			n.drainAll(t)
			t.failAsk(f.Ask, &f.Exit)
			n.cfg.Notifier.Interrupt()
		}
	case *wire.Linked:
		n.linked(f)
	case *wire.Down:
		n.down(f)
	case *wire.Handover:
		n.handoverStep(f)
	case *wire.State:
		n.stateCame(f, first(files))
	case *wire.Stop:
		n.mu.Lock()
		n.stop, n.stopped = f.Reason, true
		n.mu.Unlock()
		n.kick()
	default:
		n.cfg.Log.Error("frame from the supervisor has no meaning here", "kind", f.Kind())
		closeFiles(files)
	}
}

// acceptLane opens a lane to this actor and publishes this incarnation's page.
func (n *Node) acceptLane(f *wire.Lane, files []transport.File) {
	in, page, out, err := lane.Accept(f, files, n.cfg.Notifier)
	if err != nil {
		n.cfg.Log.Error("lane refused", "from", f.Name, "err", err)
		if n.cannotRead(f.Name, err); !own(err) { // the sender broke the rules and harms only itself
			n.Letter(&wire.Letter{From: f.From, To: n.begin.Self.ID, Reason: wire.LetterCorrupt, Text: err.Error()})
		}
		return
	}
	b := &inbox{}
	share := n.sharing(wire.Segment{Peer: f.From, Reply: 1}, n.send)
	share.Freed = func() { // the loop may be waiting for it, in a handler
		b.rang()
		n.cfg.Notifier.Interrupt()
	}
	b.Inbox = mailbox.NewInbox(f.Name, n.begin.Mailbox, in, n.begin.Self.Incarnation<<16, share)
	// This comes before the first message is handled: after a death the supervisor
	// finds in this page what was in hand.
	if err := n.send(page, out...); err != nil {
		if !errors.Is(err, ErrEnded) { // after the end nobody needs it
			n.cfg.Log.Error("page could not be published", "err", err)
		}
		b.Close()
		n.cannotRead(f.Name, err)
		return
	}
	in.Sent()
	n.enter(b)
	n.retryEarly()
	n.kick()
}

// enter adds a lane to those of its sender, ordered by incarnation.
func (n *Node) enter(b *inbox) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.byID[b.From.ID]
	if s == nil {
		if n.byID == nil {
			n.byID = map[uint32]*sender{}
		}
		s = &sender{}
		n.byID[b.From.ID] = s
	}
	s.boxes = append(slices.Clip(s.boxes), b)
	// A process that is being replaced may open its lane after its successor has.
	slices.SortFunc(s.boxes, func(a, b *inbox) int { return cmp.Compare(a.From.Incarnation, b.From.Incarnation) })
	n.setHeads()
}

// cannotRead ends this actor if its own process keeps it from reading a lane. If it went
// on, nobody would ever read that lane. Now its next incarnation reads it, or its
// supervisor gives up and says why.
func (n *Node) cannotRead(from string, err error) {
	if own(err) {
		err = fmt.Errorf("node: messages from %s cannot be read: %w", from, err)
		n.Failed(err)
		n.fail(err)
	}
}

// own says whether err is due to this process, rather than to what a peer has sent.
func own(err error) bool {
	l := new(transport.LimitError)
	return errors.As(err, &l) || errors.Is(err, lane.ErrOwn)
}

// closeTarget ends the lane to a target that has ended for good.
func (n *Node) closeTarget(t *Target, exit *wire.Exit) {
	n.drainAll(t)
	t.end(&GoneError{Name: t.Name, Exit: exit})
	t.box.Shut()
	n.report(&wire.Closed{To: t.ID}, "a closed lane could not be reported")
	n.endShares(t)
	n.mu.Lock()
	n.changes.Add(1)
	n.dead().targets = append(n.dead().targets, t)
	n.mu.Unlock()
	n.cfg.Notifier.Interrupt() // the waiter itself may be waiting for this target
	n.bury()
}

// errRules says why nothing can be sent to an actor that has closed the lane from here.
var errRules = errors.New("node: it has closed the lane from this process, since what came through it broke the rules; " +
	"a dead letter says which: something in this process writes where it must not")

// shutOut fails everything that waits for a target that no longer reads what this
// process sends. Its earlier answers are final.
func (n *Node) shutOut(id uint32) {
	if t := n.Known(id); t != nil && t.Pool == nil && t.gone.Load() == nil {
		n.drainAll(t)
		t.end(&GoneError{Name: t.Name, Lost: errRules})
	}
}

// installPage switches a target to a (new) incarnation of its receiver.
func (n *Node) installPage(f *wire.Page, files []transport.File) {
	t := n.Known(f.Peer.ID)
	if t == nil || t.gone.Load() != nil { // it has ended meanwhile, or this process is ending
		n.cfg.Log.Debug("page of a closed lane", "peer", f.Peer)
		closeFiles(files)
		return
	}
	p, err := lane.OpenPeer(f, files)
	if err != nil {
		n.cfg.Log.Error("page refused", "peer", f.Peer, "err", err)
		if own(err) { // this process would see neither answers nor room
			t.end(&GoneError{Name: t.Name, Lost: err})
		}
		return
	}
	// The incarnation before is dead, so its answers are final. They are looked at
	// before its page goes.
	n.drainAll(t)
	if old := t.box.Install(p, transport.Place{Seq: f.Start, Urgent: f.Urgent}); old != nil {
		old.Free()
		n.mu.Lock()
		n.changes.Add(1)
		n.dead().pages = append(n.dead().pages, old)
		n.mu.Unlock()
	}
	n.retryEarly()
	t.credit()
	n.kick()
	n.bury()
}

// addPart adds what came separately to its lane or page.
func (n *Node) addPart(f wire.Frame, file transport.File) {
	switch f := f.(type) {
	case *wire.Segment:
		n.addSegment(f, file)
	case *wire.Passage:
		n.addPassage(f, file)
	}
}

// addPassage gives a lane the exit of the passage through which its files come.
func (n *Node) addPassage(f *wire.Passage, file transport.File) {
	b := n.inboxOf(f.Peer)
	if b == nil {
		n.keepEarly(f, file)
		return
	}
	if err := b.AddPassage(file.(*os.File)); err != nil {
		n.cfg.Log.Error("passage refused", "peer", f.Peer, "err", err)
	}
	n.announceArrival()
}

// addSegment maps a segment of a peer's blocks, or keeps it until its lane or page has
// come. If a limit of this process prevents that, the peer is not to blame: then what it
// sends cannot be read here, and the asks that wait for its answers fail.
func (n *Node) addSegment(f *wire.Segment, file transport.File) {
	var err error
	if f.Reply == 1 {
		t := n.Known(f.Peer.ID)
		var p *mailbox.Peer
		if t != nil {
			p = t.box.Peer()
		}
		if p == nil || p.Addr != f.Peer {
			n.keepEarly(f, file)
			return
		}
		err = p.AddSegment(f, file)
	} else {
		b := n.inboxOf(f.Peer)
		if b == nil {
			n.keepEarly(f, file)
			return
		}
		if err = b.AddSegment(f, file); err != nil {
			n.cannotRead(b.Name, err)
		}
	}
	if err != nil {
		n.cfg.Log.Error("segment refused", "peer", f.Peer, "err", err)
	}
	n.announceArrival()
}

// maxEarly bounds the segments and passages that wait for their lane or page.
const maxEarly = 64

// keepEarly keeps what came before its lane or page. If there is too much of that, the
// oldest is dropped: most likely its lane will never come.
func (n *Node) keepEarly(f wire.Frame, file transport.File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed != nil {
		if file != nil {
			_ = sock.Close(file)
		}
		return
	}
	if len(n.early) >= maxEarly {
		old := n.early[0]
		n.early = slices.Delete(n.early, 0, 1)
		if old.file != nil {
			_ = sock.Close(old.file)
		}
		n.cfg.Log.Error("segment or passage given up: its lane has not come, and too many others wait for theirs", "peer", peerOf(old.f), "limit", maxEarly)
	}
	n.early = append(n.early, lateFrame{f, file})
}

// retryEarly checks whether what came early belongs to a lane or page that is here now.
func (n *Node) retryEarly() {
	n.mu.Lock()
	early := n.early
	n.early = nil
	n.mu.Unlock()
	for _, l := range early {
		n.addPart(l.f, l.file)
	}
}

func peerOf(f wire.Frame) (peer wire.Addr) {
	switch f := f.(type) {
	case *wire.Segment:
		peer = f.Peer
	case *wire.Passage:
		peer = f.Peer
	}
	return peer
}

// retire marks the lane of a dead sender: once it is empty, it is finished.
func (n *Node) retire(from wire.Addr) {
	if b := n.inboxOf(from); b != nil {
		b.retired.Store(true)
		b.rang()
	}
	n.kick()
}

// Retired says whether that incarnation is known to be dead, or is unknown.
func (n *Node) Retired(from wire.Addr) bool {
	b := n.inboxOf(from)
	return b == nil || b.retired.Load()
}

func (n *Node) inboxOf(from wire.Addr) *inbox {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.byID[from.ID]; s != nil {
		for _, b := range s.boxes {
			if b.From == from {
				return b
			}
		}
	}
	return nil
}

func first(files []transport.File) transport.File {
	if len(files) == 0 {
		return nil
	}
	return files[0]
}

// sharing passes the segments of the lane that f names to its other end. send is n.send,
// or fails with errNoLane if nobody is left to be told.
func (n *Node) sharing(f wire.Segment, send func(wire.Frame, ...transport.File) error) mailbox.Sharing {
	ask := func(file transport.File, question func(token uint64) wire.Frame) error {
		_, err := n.callBy(background, send, file, question)
		if err == errNoLane {
			return nil // the message that needs it cannot be sent
		}
		return err
	}
	tell := func(f wire.Segment, file transport.File) error {
		return ask(file, func(token uint64) wire.Frame {
			f.Token = token
			return &f
		})
	}
	return mailbox.Sharing{
		Announce: func(id uint16, file transport.File, size, class, blocks int) error {
			f := f
			f.ID, f.Size, f.Class, f.Blocks = id, uint64(size), uint64(class), uint32(blocks)
			return tell(f, file)
		},
		Retire: func(id uint16) error {
			f := f
			f.ID = id
			return tell(f, nil)
		},
		Passage: func(exit transport.File) error {
			if f.Reply == 1 {
				return fmt.Errorf("mailbox: a file cannot be part of an answer: send it in a message of its own")
			}
			return ask(exit, func(token uint64) wire.Frame { return &wire.Passage{Token: token, Peer: f.Peer} })
		},
	}
}
