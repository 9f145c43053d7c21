package actor

import (
	"unsafe"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
)

// tellInPlace is the handler of a type any bytes of which are a value. Those in
// the mailbox are read once, into handle's argument: what the sender may do to
// them meanwhile changes which value that is, and nothing else.
func tellInPlace[M any](ctx *Context, t *codec.Type, handle func(*Context, M) error) mailbox.Handler {
	return func(m *mailbox.Message, body []byte) error {
		if len(body) != int(unsafe.Sizeof(*new(M))) {
			return mailbox.Decode(m, t, new(M)) // it says what is wrong
		}
		c := ctx.begin(m)
		err := handle(c, *(*M)(unsafe.Pointer(unsafe.SliceData(body))))
		c.finish()
		return err
	}
}
