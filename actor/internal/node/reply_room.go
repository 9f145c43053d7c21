package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
)

// ReplyWhenRoom repeats reply, which found no block, when blocks of earlier replies have
// come back, until the asker's deadline. Any goroutine of the handler may call it, and
// several at a time.
func (n *Node) ReplyWhenRoom(m *mailbox.Message, reply func() error) error {
	b := n.inboxOf(m.Box.From)
	if b == nil {
		return reply()
	}
	ctx, cancel := context.WithTimeout(background, replyWait)
	if d := m.Head.Deadline; d != 0 {
		cancel()
		ctx, cancel = context.WithTimeout(background, min(replyWait, time.Duration(d-Monotonic())))
	}
	defer cancel()
	ev := make(chan struct{}, 1)
	b.wantRoom(ev)
	defer b.hasRoom(ev)
	var calm restraint
	for {
		w := &rungWait{b: b, seen: b.rung.Load()}
		calm.contended = m.Box.Contended()
		if err := reply(); !isFull(err) {
			return err
		}
		calm.pause(ctx, n, m.Box.Contended())
		if b.retired.Load() || m.Box.Cancelled(m) {
			break
		}
		if err := n.await(ctx, w, ev); err != nil || ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("the reply needs a block, but all are lent: %w", mailbox.ErrFull)
}

// wantRoom tells the sender that an answer to it waits for a block. ev tells when to look
// for one again.
func (b *inbox) wantRoom(ev chan struct{}) {
	b.rooms.Lock()
	defer b.rooms.Unlock()
	b.waiting = append(b.waiting, ev)
	b.wanted.Add(1)
	b.Sleep().State.Or(transport.StateWantRoom)
}

// hasRoom undoes wantRoom. The last call tells the sender.
func (b *inbox) hasRoom(ev chan struct{}) {
	b.rooms.Lock()
	defer b.rooms.Unlock()
	b.waiting = slices.DeleteFunc(b.waiting, func(x chan struct{}) bool { return x == ev })
	if b.wanted.Add(-1) == 0 {
		b.Sleep().State.And(^uint32(transport.StateWantRoom))
	}
}

// rang is called when the sender's bell has changed, or if for another reason a waiting
// answer may find a block now.
func (b *inbox) rang() {
	b.rung.Add(1)
	if b.wanted.Load() == 0 {
		return
	}
	b.rooms.Lock()
	defer b.rooms.Unlock()
	for _, ev := range b.waiting {
		select {
		case ev <- struct{}{}:
		default:
		}
	}
}

// replyWait bounds how long a reply without deadline waits for a block.
const replyWait = 10 * time.Second

// rungWait waits for a change of a sender's bell, or for its end.
type rungWait struct {
	b    *inbox
	seen uint64
}

func (w *rungWait) ready() bool { return w.b.rung.Load() != w.seen }
func (w *rungWait) poll() bool  { return w.ready() }
func (w *rungWait) loop() bool  { return false }
func (w *rungWait) width() int  { return 0 }
