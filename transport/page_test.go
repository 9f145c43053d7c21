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

// TestInFlight: the word's three parts.
func TestInFlight(t *testing.T) {
	w := PackInFlight(1<<48-2, 200, HandIn)
	if w.Seq() != 1<<48-2 || w.Attempt() != 200 || w.State() != HandIn {
		t.Fatalf("%#x", uint64(w))
	}
}
