package node

import (
	"bytes"
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// TestLongAnswer: an answer in many pieces comes whole, or, over the bound, not at all,
// and says so.
func TestLongAnswer(t *testing.T) {
	const piece = 32 << 10
	s := newScript(t)
	for _, size := range []int{0, piece, 2 << 20, maxAnswer, maxAnswer + 2*piece} {
		want := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		type outcome struct {
			text []byte
			err  error
		}
		done := make(chan outcome, 1)
		go func() {
			text, err := s.node.Command(background, []byte("{}"))
			done <- outcome{text, err}
		}()
		c := wiretest.Hear[*wire.Command](s.Peer)
		for rest := want; ; rest = rest[piece:] {
			if len(rest) <= piece {
				s.Say(&wire.Answer{Token: c.Token, Text: rest})
				break
			}
			s.Say(&wire.Answer{Token: c.Token, More: 1, Text: rest[:piece]})
		}
		o := <-done
		if size <= maxAnswer {
			if o.err != nil || !bytes.Equal(o.text, want) {
				t.Errorf("of %d bytes %d came, %v", size, len(o.text), o.err)
			}
		} else if e := new(transport.SizeError); !errors.As(o.err, &e) || e.Limit != maxAnswer {
			t.Errorf("of %d bytes %d came, %v: want a *transport.SizeError", size, len(o.text), o.err)
		}
	}
	s.node.Close()
	if len(s.node.pieces) > 0 {
		t.Errorf("pieces of %d answers are kept", len(s.node.pieces))
	}
}
