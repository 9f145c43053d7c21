package transport

import (
	"encoding/binary"
	"testing"
)

// TestGoldenPages binds the tables of PROTOCOL.md to the words of the two
// pages.
func TestGoldenPages(t *testing.T) {
	send, recv := make([]byte, SendPageHeader+4096), make([]byte, RecvPageBytes)
	s, err := NewSendPage(send, 4096)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRecvPage(recv)
	if err != nil {
		t.Fatal(err)
	}
	if string(send[:8]) != "UNDRSTDY" || string(recv[:8]) != "UNDRSTDY" {
		t.Errorf("magic %q and %q", send[:8], recv[:8])
	}
	v := uint64(0x1111)
	next := func() uint64 { v++; return v }
	check := func(what string, page []byte, at, size int) {
		t.Helper()
		var got uint64
		if size == 4 {
			got = uint64(binary.LittleEndian.Uint32(page[at:]))
		} else {
			got = binary.LittleEndian.Uint64(page[at:])
		}
		if got != v {
			t.Errorf("%s is not at %d", what, at)
		}
	}
	s.Tail.Store(next())
	check("tail", send, 128, 8)
	s.Bell.Store(uint32(next()))
	check("send bell", send, 136, 4)
	s.State.Store(uint32(next()))
	check("send state", send, 256, 4)
	s.Sleeps.Store(next())
	check("sleeps of the sender", send, 264, 8)
	s.Rang.Store(uint32(next()))
	check("where the sender rang", send, 272, 4)
	s.Returns.Tail.Store(next())
	check("returned reply blocks", send, 384, 8)
	s.Returns.Entries[0].Store(next())
	check("ring of reply blocks", send, 512, 8)
	s.Cancel[0].Store(next())
	check("given-up asks", send, 8704, 8)
	s.Took[0].Store(uint32(next()))
	check("taken answers", send, 10752, 4)
	binary.LittleEndian.PutUint64(s.Cells, next())
	check("cells", send, 12288, 8)
	r.Head.Store(next())
	check("head", recv, 128, 8)
	r.Normal.Store(next())
	check("normal entries", recv, 136, 8)
	r.Urgent.Store(next())
	check("urgent entries", recv, 144, 8)
	r.InFlight.Store(next())
	check("in hand", recv, 256, 8)
	r.ReplyTail.Store(next())
	check("replies", recv, 384, 8)
	r.Bell.Store(uint32(next()))
	check("receive bell", recv, 392, 4)
	r.State.Store(uint32(next()))
	check("receive state", recv, 512, 4)
	r.Sleeps.Store(next())
	check("sleeps of the receiver", recv, 520, 8)
	r.Rang.Store(uint32(next()))
	check("where the receiver rang", recv, 528, 4)
	r.Returns.Tail.Store(next())
	check("returned blocks", recv, 640, 8)
	r.Returns.Entries[0].Store(next())
	check("ring of blocks", recv, 768, 8)
	r.Replies[0].Store(uint32(next()))
	check("ring of slots", recv, 8960, 4)
	binary.LittleEndian.PutUint64(r.Taken, next())
	check("taken entry", recv, 12288, 8)
	binary.LittleEndian.PutUint64(r.Slots, next())
	check("slots", recv, 16384, 8)
	if len(s.Returns.Entries) != 1024 || len(s.Cancel) != 256 || len(s.Took) != 256 || len(r.Replies) != 256 || len(r.Taken) != 4096 || len(r.Slots) != 256*1024 {
		t.Error("a ring or table has another size than PROTOCOL.md says")
	}
}

// TestOpenRefuses: a page that is not one, too short, of another kind or
// version is refused.
func TestOpenRefuses(t *testing.T) {
	good := make([]byte, SendPageHeader+4096)
	if _, err := NewSendPage(good, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSendPage(good, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSendPage(good, 8192); err == nil {
		t.Error("a short page was accepted")
	}
	if _, err := OpenRecvPage(make([]byte, RecvPageBytes)); err == nil {
		t.Error("a page of zeros was accepted")
	}
	for _, off := range []int{offMagic, offVersion, offKind} {
		bad := append([]byte(nil), good...)
		bad[off] ^= 1
		if _, err := OpenSendPage(bad, 4096); err == nil {
			t.Errorf("byte %d was changed and the page accepted", off)
		}
	}
}

// TestPagesOfAnotherKind: neither page is taken for the other one, nor for one that is
// longer than its memory, and none is made in too little memory.
func TestPagesOfAnotherKind(t *testing.T) {
	send, recv := make([]byte, RecvPageBytes), make([]byte, RecvPageBytes)
	if _, err := NewSendPage(send, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := NewRecvPage(recv); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRecvPage(recv); err != nil {
		t.Error(err)
	}
	if _, err := OpenRecvPage(recv[:RecvPageBytes-1]); err == nil {
		t.Error("a receive page that lacks a byte was accepted")
	}
	if _, err := OpenRecvPage(send); err == nil {
		t.Error("a send page was taken for a receive page")
	}
	if _, err := OpenSendPage(recv, 4096); err == nil {
		t.Error("a receive page was taken for a send page")
	}
	if _, err := NewSendPage(make([]byte, SendPageHeader+4095), 4096); err == nil {
		t.Error("a send page was made that lacks a byte")
	}
	if _, err := NewRecvPage(make([]byte, RecvPageBytes-1)); err == nil {
		t.Error("a receive page was made that lacks a byte")
	}
}

// TestPartsOfPages: what is handed out of a page ends where that part of it ends, and who
// gives blocks back says by the state of his own page whether he sleeps.
func TestPartsOfPages(t *testing.T) {
	s, err := NewSendPage(make([]byte, SendPageHeader+8192), 4096)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRecvPage(make([]byte, RecvPageBytes+4096))
	if err != nil {
		t.Fatal(err)
	}
	if cap(s.Cells) != 4096 || cap(r.Taken) != TakenBytes || cap(r.Slots) != ReplySlots*ReplySlotBytes || cap(r.Slot(7)) != ReplySlotBytes {
		t.Errorf("capacities %d, %d, %d, %d", cap(s.Cells), cap(r.Taken), cap(r.Slots), cap(r.Slot(7)))
	}
	if r.Slot(1)[0] = 9; r.Slots[ReplySlotBytes] != 9 {
		t.Error("slot 1 stands elsewhere")
	}
	if s.Returns.State != s.State || r.Returns.State != r.State {
		t.Error("the user of blocks says by another word whether it sleeps")
	}
}

// TestSleepKeepsTheOtherBits: a process that goes to sleep or wakes up says nothing else.
func TestSleepKeepsTheOtherBits(t *testing.T) {
	s, err := NewSendPage(make([]byte, SendPageHeader+4096), 4096)
	if err != nil {
		t.Fatal(err)
	}
	const others = StateWantRoom | StateHurry
	s.State.Store(others)
	if s.Arm(); s.State.Load() != others|StateArmed || s.Sleeps.Load() != 1 {
		t.Errorf("armed: %#x, %d sleeps", s.State.Load(), s.Sleeps.Load())
	}
	if s.Disarm(); s.State.Load() != others {
		t.Errorf("awake: %#x", s.State.Load())
	}
}

// TestGoldenReturn: the parts of a return entry, as PROTOCOL.md has them.
func TestGoldenReturn(t *testing.T) {
	v := PackReturn(0x0102, 0x0304, 0x05060708)
	if v != 0x0102030405060708 {
		t.Errorf("%#x", v)
	}
	if s, b, g := UnpackReturn(v); s != 0x0102 || b != 0x0304 || g != 0x05060708 {
		t.Errorf("%#x %#x %#x", s, b, g)
	}
}

// TestInFlight: the word's three parts.
func TestInFlight(t *testing.T) {
	w := PackInFlight(1<<48-2, 200, HandIn)
	if w.Seq() != 1<<48-2 || w.Attempt() != 200 || w.State() != HandIn {
		t.Fatalf("%#x", uint64(w))
	}
}
