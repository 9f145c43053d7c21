package keeper

import (
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// memory holds the pages of a lane while the keeper reads them.
type memory struct {
	send *transport.SendPage
	recv *transport.RecvPage // nil if no receiver has published one
	mems []*segment.Memory
	head atomic.Uint64
}

// mapped maps the pages of l. It needs no descriptor, so that the accounts of the dead
// can be closed even if this process has none left.
func (l *held) mapped() (*memory, error) {
	m := &memory{}
	if err := m.open(l); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *memory) open(l *held) error {
	mem, err := segment.Peek(l.files[0].File, int(l.open.Size), segment.FormAuto)
	if err != nil {
		return err
	}
	m.mems = append(m.mems, mem)
	if m.send, err = transport.OpenSendPage(mem.Bytes(), int(l.open.Cells)); err != nil || l.page == nil {
		return err
	}
	if mem, err = segment.Peek(l.page.File, transport.RecvPageBytes, segment.FormAuto); err != nil {
		return err
	}
	m.mems = append(m.mems, mem)
	m.recv, err = transport.OpenRecvPage(mem.Bytes())
	return err
}

func (m *memory) close() {
	for _, mem := range m.mems {
		mem.Close()
	}
}

// reader reads what is left in a lane.
func (m *memory) reader(l *held) (transport.Receiver, error) {
	if l.open.Queue == wire.QueueRing {
		return ring.NewReceiver(m.send, &m.head, l.at.Seq), nil
	}
	form, err := lane.FormOf(l.open.Queue)
	if err != nil {
		return nil, err
	}
	page, err := transport.NewRecvPage(make([]byte, transport.RecvPageBytes))
	if err != nil {
		return nil, err
	}
	f, err := dup(l.files[1])
	if err != nil {
		return nil, err
	}
	return form.Receiver(f, page, l.at)
}

// block copies up to limit bytes of a block of the sender. It returns nil if there is no
// such block.
func (l *held) block(b wire.BlockRef, box wire.Mailbox, limit int) []byte {
	for _, s := range l.segments {
		cut := segment.Policy(box.Blocks).Of(s.f.ID)
		reach := cut.Reach(b.Index, s.f.Class, uint64(s.f.Blocks))
		if s.f.ID != b.Segment || b.Length > reach || uint32(b.Index) >= s.f.Blocks {
			continue
		}
		if s.f.Class == 0 || uint64(s.f.Blocks) > cut.Fit(s.f.Size, s.f.Class) {
			return nil // the owner's numbers, which nobody may have checked yet, are impossible
		}
		mem, err := segment.Peek(s.file.File, int(s.f.Size), segment.Form(box.Segment))
		if err != nil {
			return nil
		}
		defer mem.Close()
		off := cut.Offset(b.Index, s.f.Class)
		return append([]byte{}, mem.Bytes()[off:off+min(b.Length, uint64(max(limit, 0)))]...)
	}
	return nil
}
