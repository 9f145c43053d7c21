package keeper

import (
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// Handle is a descriptor that several owners share: the lane that keeps it and the
// frames that wait to be sent with it. The last owner closes it.
type Handle struct {
	File transport.File
	hold *segment.Memory // of a SysV segment, which its descriptor does not keep alive
	refs atomic.Int32
	last func(transport.File) // called before the close, or nil
}

// NewHandle takes over f, with one owner.
func NewHandle(f transport.File) *Handle {
	h := &Handle{File: f}
	h.refs.Store(1)
	return h
}

// Retain adds an owner.
func (h *Handle) Retain() *Handle {
	h.refs.Add(1)
	return h
}

// Release removes an owner. On a nil Handle it does nothing.
func (h *Handle) Release() {
	if h == nil || h.refs.Add(-1) != 0 {
		return
	}
	if h.last != nil {
		h.last(h.File)
	}
	_ = sock.Close(h.File)
	if h.hold != nil {
		h.hold.Close()
	}
}

// keep makes the handle keep its segment alive. It is called before the owner of the
// segment is told that it is kept.
func (h *Handle) keep(f *wire.Segment, mailbox wire.Mailbox) (err error) {
	h.hold, err = segment.Hold(h.File, int(f.Size), segment.Form(mailbox.Segment))
	return err
}

// ReleaseAll removes an owner of each.
func ReleaseAll(hs []*Handle) {
	for _, h := range hs {
		h.Release()
	}
}
