package mailbox_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestWhenABlockComesBack: a received buffer's block is its sender's again when
// the handler has returned, and not before, whatever the handler has done with
// it; one that is kept comes back when it is released.
func TestWhenABlockComesBack(t *testing.T) {
	const size = 64 << 10 // all of the pool
	for what, c := range map[string]struct {
		handle func(b mailbox.Buffer)
		dead   bool // in the handler, after that
		kept   bool // when it has returned
	}{
		"left alone":                 {handle: func(mailbox.Buffer) {}},
		"released":                   {handle: mailbox.Buffer.Release, dead: true},
		"released twice":             {handle: func(b mailbox.Buffer) { b.Release(); b.Release() }, dead: true},
		"kept, and released at once": {handle: func(b mailbox.Buffer) { b.Keep(); b.Release() }, dead: true},
		"released, and kept":         {handle: func(b mailbox.Buffer) { b.Release(); b.Keep() }, dead: true},
		"kept":                       {handle: mailbox.Buffer.Keep, kept: true},
		"kept twice":                 {handle: func(b mailbox.Buffer) { b.Keep(); b.Keep() }, kept: true},
	} {
		t.Run(what, func(t *testing.T) {
			out, in := pair(t, mailbox.Config{PoolBytes: size, MaxBytes: size}.Wire())
			defer in.Close()
			defer out.Close()
			typ := typeOf[blob](t)
			isBack := func() bool {
				b, err := out.Lend(size)
				if err != nil && !errors.Is(err, mailbox.ErrFull) {
					t.Fatal(err)
				}
				b.Release()
				return err == nil
			}
			data, err := out.Lend(size)
			if err == nil {
				data.Bytes()[7] = 7
				err = mailbox.Send(out, wire.EntryTell, 0, 0, typ, &blob{data})
			}
			var m mailbox.Message
			var v blob
			if err := errors.Join(err, in.Next(&m), mailbox.Decode(&m, typ, &v)); err != nil {
				t.Fatal(err)
			}
			if c.handle(v.Data); c.dead {
				mustBeDead(t, "in the handler", v.Data)
			} else if v.Data.Bytes()[7] != 7 {
				t.Error("it reads something else")
			}
			if isBack() {
				t.Error("the sender has the block while its message is in hand")
			}
			if in.Done(&m); isBack() == c.kept {
				t.Errorf("when the handler has returned, the sender has the block: %v", c.kept)
			}
			if c.kept {
				if v.Data.Bytes()[7] != 7 {
					t.Error("kept, and it reads something else")
				}
				if v.Data.Release(); !isBack() {
					t.Error("released at last, and the sender does not have the block")
				}
			}
			mustBeDead(t, "at the end", v.Data)
			if v.Data.Release(); !isBack() {
				t.Error("released too often, and the sender does not have the block")
			}
		})
	}
}
