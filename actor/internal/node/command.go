package node

import (
	"context"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// maxAnswer bounds the answer to a command, in bytes.
const maxAnswer = 8 << 20

// Command sends a command to the root and returns the answer. When ctx ends, the command
// is cancelled.
func (n *Node) Command(ctx context.Context, text []byte) ([]byte, error) {
	var token uint64
	f, err := n.call(ctx, nil, func(t uint64) wire.Frame {
		token = t
		return &wire.Command{Token: t, Text: text}
	})
	if err != nil {
		if ctx.Err() != nil && token != 0 {
			_ = n.send(&wire.Command{Token: token})
		}
		return nil, err
	}
	a := f.(*wire.Answer)
	if a.More == 1 { // it is longer than maxAnswer
		return nil, &transport.SizeError{What: "answer to a command", Size: len(a.Text), Limit: maxAnswer,
			Remedy: "ask for less at a time"}
	}
	return a.Text, nil
}

// answerPiece joins the pieces of an answer. One that gets too long is delivered
// incomplete, with More set. Only the goroutine of the link calls it.
func (n *Node) answerPiece(f *wire.Answer) {
	f.Text = append(n.pieces[f.Token], f.Text...)
	if f.More == 0 || len(f.Text) > maxAnswer {
		delete(n.pieces, f.Token)
		n.answer(f.Token, f)
		return
	}
	if n.pieces == nil {
		n.pieces = map[uint64][]byte{}
	}
	n.pieces[f.Token] = f.Text
}
