package node

import (
	"bytes"
	"context"
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
			text, err := s.node.Command(background, []byte("{}"), nil)
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

// TestLateAnswer: a command whose context ends is cancelled at once. Its answer, which comes
// nevertheless, is not lost, unless the link ends first.
func TestLateAnswer(t *testing.T) {
	s := newScript(t)
	for _, answered := range []bool{true, false} {
		ctx, cancel := context.WithCancel(background)
		done, late := make(chan error, 1), make(chan string, 1)
		go func() {
			_, err := s.node.Command(ctx, []byte("{}"), func(text []byte) { late <- string(text) })
			done <- err
		}()
		c := wiretest.Hear[*wire.Command](s.Peer)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if x := wiretest.Hear[*wire.Command](s.Peer); x.Token != c.Token || len(x.Text) > 0 {
			t.Errorf("%+v does not cancel %+v", x, c)
		}
		if answered {
			s.Say(&wire.Answer{Token: c.Token, More: 1, Text: []byte("do")})
			s.Say(&wire.Answer{Token: c.Token, Text: []byte("ne")})
			if got := <-late; got != "done" {
				t.Errorf("%q came late", got)
			}
		}
	}
	s.node.Close() // nothing goes on: see testutil.Audit
}
