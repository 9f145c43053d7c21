package node

import (
	"context"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// maxAnswer bounds the answer to a command, in bytes.
const maxAnswer = 8 << 20

// Command sends a command to the root and returns the answer. If ctx ends first, the
// command is cancelled. The root answers nevertheless, since it may have carried out the
// command before it hears of that; late is called with the answer, in another goroutine,
// unless the link ends first.
func (n *Node) Command(ctx context.Context, text []byte, late func(answer []byte)) ([]byte, error) {
	token, answer, err := n.expect()
	if err != nil {
		return nil, err
	}
	if err = n.send(&wire.Command{Token: token, Text: text}); err != nil {
		n.expectNot(token)
		return nil, err
	}
	f, err := n.awaitAnswer(ctx, answer)
	if err == nil || ctx.Err() == nil {
		n.expectNot(token)
		return textOf(f, err)
	}
	_ = n.send(&wire.Command{Token: token})
	go func() {
		defer n.expectNot(token)
		if text, err := textOf(n.awaitAnswer(background, answer)); err == nil {
			late(text)
		}
	}()
	return nil, err
}

// textOf is the text of the answer to a command.
func textOf(f wire.Frame, err error) ([]byte, error) {
	if err != nil {
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
