package transport

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// NewSendPage writes the header of a send page into mem, which must be zeroed
// memory of SendPageHeader plus cells bytes, and returns its words. The page
// keeps mem.
func NewSendPage(mem []byte, cells int) (*SendPage, error) {
	if len(mem) < SendPageHeader+cells {
		return nil, fmt.Errorf("transport: send page of %d bytes cannot hold %d bytes of cells", len(mem), cells)
	}
	writeHeader(mem, kindSend, cells)
	return sendPage(mem, cells), nil
}

// OpenSendPage checks the header of a peer's send page and returns its words.
// It trusts no number in the page: cells must come from the handshake.
func OpenSendPage(mem []byte, cells int) (*SendPage, error) {
	if err := checkHeader(mem, kindSend, SendPageHeader+cells); err != nil {
		return nil, err
	}
	return sendPage(mem, cells), nil
}

func sendPage(mem []byte, cells int) *SendPage {
	return &SendPage{
		mem:     mem,
		Tail:    u64(mem, sendTail),
		Bell:    u32(mem, sendBell),
		Rang:    u32(mem, sendRang),
		Sleep:   Sleep{u32(mem, sendState), u64(mem, sendSleeps)},
		Returns: Returns{Tail: u64(mem, sendRetTail), Entries: u64s(mem, sendReturns, ReturnEntries), State: u32(mem, sendState)},
		Cancel:  u64s(mem, sendCancel, ReplySlots),
		Took:    u32s(mem, sendTook, ReplySlots),
		Cells:   mem[sendCells : sendCells+cells : sendCells+cells],
	}
}

// NewRecvPage writes the header of a receive page into mem, which must be
// zeroed memory of RecvPageBytes, and returns its words. The page keeps mem.
func NewRecvPage(mem []byte) (*RecvPage, error) {
	if len(mem) < RecvPageBytes {
		return nil, fmt.Errorf("transport: receive page needs %d bytes, not %d", RecvPageBytes, len(mem))
	}
	writeHeader(mem, kindRecv, 0)
	return recvPage(mem), nil
}

// OpenRecvPage checks the header of a peer's receive page and returns its
// words.
func OpenRecvPage(mem []byte) (*RecvPage, error) {
	if err := checkHeader(mem, kindRecv, RecvPageBytes); err != nil {
		return nil, err
	}
	return recvPage(mem), nil
}

func recvPage(mem []byte) *RecvPage {
	return &RecvPage{
		mem:       mem,
		Head:      u64(mem, recvHead),
		Normal:    u64(mem, recvNormal),
		Urgent:    u64(mem, recvUrgent),
		InFlight:  u64(mem, recvInFlight),
		ReplyTail: u64(mem, recvReplyTail),
		Bell:      u32(mem, recvBell),
		Rang:      u32(mem, recvRang),
		Sleep:     Sleep{u32(mem, recvState), u64(mem, recvSleeps)},
		Returns:   Returns{Tail: u64(mem, recvRetTail), Entries: u64s(mem, recvReturns, ReturnEntries), State: u32(mem, recvState)},
		Replies:   u32s(mem, recvReplies, ReplySlots),
		Taken:     mem[recvTaken : recvTaken+TakenBytes : recvTaken+TakenBytes],
		Slots:     mem[recvSlots:RecvPageBytes:RecvPageBytes],
	}
}

func writeHeader(mem []byte, kind uint32, cells int) {
	u64(mem, offCells).Store(uint64(cells))
	u32(mem, offKind).Store(kind)
	u32(mem, offVersion).Store(version)
	u64(mem, offMagic).Store(magic)
}

func checkHeader(mem []byte, kind uint32, size int) error {
	if len(mem) < size {
		return fmt.Errorf("transport: page of %d bytes where the handshake said %d", len(mem), size)
	}
	if m := u64(mem, offMagic).Load(); m != magic {
		return fmt.Errorf("transport: page starts with %#x, not %#x: not a page of this library", m, uint64(magic))
	}
	if v := u32(mem, offVersion).Load(); v != version {
		return fmt.Errorf("transport: page has version %d, this build speaks %d; rebuild both programs from one version", v, version)
	}
	if k := u32(mem, offKind).Load(); k != kind {
		return fmt.Errorf("transport: page is of kind %d where %d is expected", k, kind)
	}
	return nil
}

// Word64 returns the 8-byte word at off of mem, which must be aligned.
func Word64(mem []byte, off int) *atomic.Uint64 { return u64(mem, off) }

func u64(mem []byte, off int) *atomic.Uint64 {
	_ = mem[off+7]
	return (*atomic.Uint64)(unsafe.Pointer(&mem[off]))
}

func u32(mem []byte, off int) *atomic.Uint32 {
	_ = mem[off+3]
	return (*atomic.Uint32)(unsafe.Pointer(&mem[off]))
}

func u64s(mem []byte, off, n int) []atomic.Uint64 {
	_ = mem[off+n*8-1]
	return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&mem[off])), n)
}

func u32s(mem []byte, off, n int) []atomic.Uint32 {
	_ = mem[off+n*4-1]
	return unsafe.Slice((*atomic.Uint32)(unsafe.Pointer(&mem[off])), n)
}
