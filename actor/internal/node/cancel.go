package node

import (
	"context"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
)

// cancelWatch waits for the asker of a message in hand to give up.
type cancelWatch struct {
	box *inbox
	ask uint64
	ev  chan struct{}
}

func (w *cancelWatch) ready() bool { return w.box.Inbox.CancelledAsk(w.ask) }
func (w *cancelWatch) poll() bool  { return w.ready() }
func (w *cancelWatch) loop() bool  { return false }
func (w *cancelWatch) width() int  { return 0 }

// WatchCancel calls f when the asker of m, the message in hand, gives up. The returned
// function ends the watch and waits until it has ended.
func (n *Node) WatchCancel(m *mailbox.Message, f func()) (stop func()) {
	b := n.inboxOf(m.Box.From)
	if b == nil || m.Head.Kind != wire.EntryAsk {
		return func() {}
	}
	w := &cancelWatch{box: b, ask: m.Head.Ask, ev: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(background)
	ended := make(chan struct{})
	n.cancels.Store(w)
	go func() {
		defer close(ended)
		if n.await(ctx, w, w.ev) == nil {
			f()
		}
	}()
	return func() {
		n.cancels.CompareAndSwap(w, nil)
		cancel()
		<-ended
	}
}

// rang checks whether the ask in hand was given up.
func (n *Node) rang() {
	if w := n.cancels.Load(); w != nil && w.ready() {
		select {
		case w.ev <- struct{}{}:
		default:
		}
	}
}
