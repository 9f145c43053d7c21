package node

import (
	"os"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// TestPartOfLaneThatHasEnded: a segment or passage that is made when its lane has ended,
// by a goroutine that has begun before, is not told: the target may be back, with
// another lane from here, of which the supervisor would take it to be.
func TestPartOfLaneThatHasEnded(t *testing.T) {
	s := newScript(t)
	target, _, file := s.opened(mailbox.Config{}.Wire())
	file.Close()
	<-s.node.role // nothing is buried: the goroutines below have the outbox already
	defer func() { s.node.role <- struct{}{} }()
	s.Say(&wire.Gone{ID: 2})
	wiretest.Hear[*wire.Closed](s.Peer)
	s.settle()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	type parcel struct{ F mailbox.File }
	done := make(chan struct{})
	go func() {
		defer close(done)
		if b, err := target.box.Lend(100); err == nil {
			b.Release()
		}
		_ = mailbox.Send(target.box, wire.EntryTell, 0, 0, typeOf[parcel](t), &parcel{mailbox.File{File: r}})
		_, _ = s.node.Resolve(background, "next")
	}()
	f := wiretest.Hear[*wire.Resolve](s.Peer) // and nothing before
	s.Say(&wire.Target{Token: f.Token, State: wire.TargetUnknown})
	<-done
}
