package codec_test

import (
	"sync"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// Values stay on the caller's stack, and the stack moves when encoding or
// decoding goes deep: what comes after the deep part must still be read from,
// and written to, the right place.
func TestStackMoves(t *testing.T) {
	var deep *Tree
	for range codec.MaxDepth - 2 {
		deep = &Tree{Left: deep}
	}
	ct := of[Tree](t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() { // a goroutine starts with a small stack
			in := Tree{Value: g, Left: deep, Kids: []Tree{{Value: g + 1}}}
			b, err := codec.Append(ct, nil, &in, nil)
			var out Tree
			if err == nil {
				err = onSmallStack(ct, b, &out)
			}
			if err != nil || out.Value != g || len(out.Kids) != 1 || out.Kids[0].Value != g+1 {
				t.Errorf("%d: %v, value %d, %d kids", g, err, out.Value, len(out.Kids))
			}
		})
	}
	wg.Wait()
}

// onSmallStack decodes into a value on the stack of a new goroutine.
func onSmallStack(ct *codec.Type, b []byte, to *Tree) (err error) {
	var wg sync.WaitGroup
	wg.Go(func() {
		var out Tree
		if err = codec.Decode(ct, b, &out, nil); err == nil {
			*to = out
		}
	})
	wg.Wait()
	return err
}
