package node

import (
	"io"
	"os"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// TestWordsOfNobody: what comes about a number that this process does not know, or knows
// no more, changes nothing, and a page that comes with it is closed.
func TestWordsOfNobody(t *testing.T) {
	s := newScript(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s.Say(&wire.AskFailed{To: 77, Ask: 1})
	s.Say(&wire.Closed{To: 77})
	s.Say(&wire.Gone{ID: 77})
	s.Say(&wire.Back{ID: 77})
	s.Say(&wire.Retire{From: wire.Addr{ID: 77, Incarnation: 1}})
	s.Say(&wire.Page{Peer: wire.Addr{ID: 77, Incarnation: 2}, Size: transport.RecvPageBytes}, w)
	w.Close()
	if _, err := io.ReadAll(r); err != nil { // as long as somebody has w
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.node.Resolve(background, "next")
	}()
	f := wiretest.Hear[*wire.Resolve](s.Peer) // and nothing before
	s.Say(&wire.Target{Token: f.Token, State: wire.TargetUnknown})
	<-done
}
