package mq

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
	"github.com/understudy-go/understudy/transport/segment"
)

// create makes a queue, or skips when the machine has none to give.
func create(t testing.TB) *os.File {
	t.Helper()
	f, err := Create()
	if err != nil {
		testutil.Refused(t, err)
	}
	return f
}

func dup(t testing.TB, f transport.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "dup")
}

func sendPage(t testing.TB) *transport.SendPage {
	t.Helper()
	p, err := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func recvPage(t testing.TB) *transport.RecvPage {
	t.Helper()
	p, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// senderEnd is a sender and the descriptor that it owns.
type senderEnd struct {
	transport.Sender
	f *os.File
}

func (s *senderEnd) fd(t testing.TB) (n int) {
	if err := sys.FD(s.f, func(fd int) error { n = fd; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// ends are both ends of one queue in this process.
func ends(t testing.TB) (s *senderEnd, r transport.Receiver, sp *transport.SendPage, rp *transport.RecvPage) {
	t.Helper()
	f := create(t)
	sp, rp = sendPage(t), recvPage(t)
	d := dup(t, f)
	s = &senderEnd{NewSender(d, sp), d}
	r = NewReceiver(f, rp, transport.Place{})
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.Close(), r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, r, sp, rp
}

func send(t testing.TB, s transport.Sender, entry string) {
	t.Helper()
	b, err := s.Reserve(len(entry))
	if err != nil {
		t.Fatal(err)
	}
	copy(b, entry)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, r transport.Receiver, seq uint64, entry string) {
	t.Helper()
	e, err := r.Next()
	if err != nil || e.Seq != seq || e.End != seq+1 || string(e.Bytes) != entry {
		t.Fatalf("got %d %q %v, want %d %q", e.Seq, e.Bytes, err, seq, entry)
	}
}

// TestOrderAndFull: entries come in order; a full queue says so, keeps the
// reservation, and takes it when there is room.
func TestOrderAndFull(t *testing.T) {
	testutil.Audit(t)
	s, r, sp, rp := ends(t)
	if s.MaxEntry() != MaxEntry {
		t.Errorf("MaxEntry %d", s.MaxEntry())
	}
	if _, err := r.Next(); err != transport.ErrEmpty {
		t.Fatal(err)
	}
	sent := uint64(0)
	for round := range 3 {
		var err error
		for err == nil {
			var b []byte
			if b, err = s.Reserve(MaxEntry); err != nil {
				t.Fatal(err)
			}
			copy(b, bytes.Repeat([]byte{byte(sent)}, MaxEntry))
			if err = s.Commit(); err == nil {
				sent++
			}
			if sp.Tail.Load() != sent || s.Next() != sent {
				t.Fatalf("tail %d, next %d after %d", sp.Tail.Load(), s.Next(), sent)
			}
		}
		if err != transport.ErrFull {
			t.Fatal(err)
		}
		if round == 0 && sent != Depth {
			t.Errorf("full after %d", sent)
		}
		for seq := rp.Head.Load(); seq < sent; seq++ {
			expect(t, r, seq, string(bytes.Repeat([]byte{byte(seq)}, MaxEntry)))
			r.Done()
			r.Release()
			if rp.Head.Load() != seq+1 {
				t.Fatalf("head %d", rp.Head.Load())
			}
		}
		if err := s.Commit(); err != nil { // the entry that was refused above
			t.Fatal(err)
		}
		expect(t, r, sent, string(bytes.Repeat([]byte{byte(sent)}, MaxEntry)))
		r.Done()
		r.Release()
		sent++
	}
}

// TestTakenIsTheEntry: what Next lends is in the page's memory, where Taken
// finds it.
func TestTakenIsTheEntry(t *testing.T) {
	s, r, _, rp := ends(t)
	if _, _, ok := kernelq.Taken(rp.Taken); ok {
		t.Error("a record before the first entry")
	}
	send(t, s, "first")
	send(t, s, "2nd")
	for i, want := range []string{"first", "2nd"} {
		expect(t, r, uint64(i), want)
		if seq, entry, ok := kernelq.Taken(rp.Taken); !ok || seq != uint64(i) || string(entry) != want {
			t.Errorf("taken: %d %q %v", seq, entry, ok)
		}
		r.Done()
	}
	if rp.Head.Load() != 0 {
		t.Error("head before Release")
	}
	r.Release()
	if rp.Head.Load() != 2 {
		t.Errorf("one Release for two: head %d", rp.Head.Load())
	}
}

// TestCarry: a successor handles first what its predecessor had taken, and has
// it in its own page at once.
func TestCarry(t *testing.T) {
	s, r, sp, _ := ends(t)
	for i := range 5 {
		send(t, s, fmt.Sprint("entry ", i))
	}
	for i := range uint64(3) {
		expect(t, r, i, fmt.Sprint("entry ", i))
		if i < 2 {
			r.Done()
		}
	}
	f := dup(t, s.f)
	r.Close() // killed with entry 2 taken
	page := recvPage(t)
	next := NewReceiver(f, page, transport.Place{Seq: 2, Carry: []byte("entry 2")})
	defer next.Close()
	if page.Head.Load() != 2 {
		t.Errorf("head %d", page.Head.Load())
	}
	if seq, entry, ok := kernelq.Taken(page.Taken); !ok || seq != 2 || string(entry) != "entry 2" {
		t.Errorf("taken: %d %q %v", seq, entry, ok)
	}
	for i := uint64(2); i < 5; i++ {
		expect(t, next, i, fmt.Sprint("entry ", i))
		next.Done()
		next.Release()
	}
	if page.Head.Load() != sp.Tail.Load() {
		t.Errorf("head %d, tail %d", page.Head.Load(), sp.Tail.Load())
	}
	tooLong := NewReceiver(dup(t, s.f), page, transport.Place{Carry: make([]byte, transport.TakenBytes)})
	defer tooLong.Close()
	if _, err := tooLong.Next(); err == nil {
		t.Error("a carried entry that does not fit")
	}
}

// TestCorrupt: a message that no sender of ours writes ends the queue, with a
// typed error, again and again.
func TestCorrupt(t *testing.T) {
	sealed := func(entry string, seq uint64) []byte {
		m := append(make([]byte, kernelq.HeaderBytes), entry...)
		kernelq.Seal(m, seq)
		return m
	}
	flip := sealed("entry", 0)
	flip[kernelq.HeaderBytes] ^= 1
	for _, c := range []struct {
		what string
		m    []byte
	}{
		{"empty", nil}, {"short", make([]byte, kernelq.HeaderBytes-1)}, {"zero", make([]byte, MessageBytes)},
		{"flipped bit", flip}, {"gap", sealed("entry", 1)}, {"from the past", sealed("entry", 1<<64-1)},
		{"longer than it says", append(sealed("entry", 0), 'x')}, {"shorter than it says", sealed("entry", 0)[:kernelq.HeaderBytes+2]},
	} {
		s, r, _, _ := ends(t)
		if err := sys.MqSend(s.fd(t), c.m); err != nil {
			t.Fatal(err)
		}
		send(t, s, "good")
		for range 2 {
			_, err := r.Next()
			if e := (*transport.CorruptError)(nil); !errors.As(err, &e) {
				t.Errorf("%s: %v", c.what, err)
			}
		}
	}
}

func TestMisuse(t *testing.T) {
	s, r, _, _ := ends(t)
	mustPanic := func(what string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s did not panic", what)
			}
		}()
		f()
	}
	mustPanic("Commit without Reserve", func() { _ = s.Commit() })
	mustPanic("Done without Next", func() { r.Done() })
	send(t, s, "a")
	mustPanic("second Commit", func() { _ = s.Commit() })
	expect(t, r, 0, "a")
	mustPanic("Next before Done", func() { _, _ = r.Next() })
	e := (*transport.SizeError)(nil)
	if _, err := s.Reserve(MaxEntry + 1); !errors.As(err, &e) || e.Limit != MaxEntry {
		t.Error(err)
	}
	if _, err := s.Reserve(1); err != nil {
		t.Error(err)
	}
	s.Close()
	if err := s.Commit(); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Commit after Close: %v", err)
	}
	r.Done()
	r.Close()
	if _, err := r.Next(); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
}

// TestNeverBlocks: a peer that shares the open queue can clear its
// non-blocking flag; no call blocks for that.
func TestNeverBlocks(t *testing.T) {
	s, r, _, _ := ends(t)
	if err := unix.SetNonblock(s.fd(t), false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != transport.ErrEmpty {
		t.Error(err)
	}
	for range Depth {
		send(t, s, "x")
	}
	if _, err := s.Reserve(1); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != transport.ErrFull {
		t.Error(err)
	}
}

func TestNoAllocations(t *testing.T) {
	s, r, _, _ := ends(t)
	if n := testing.AllocsPerRun(500, func() {
		b, _ := s.Reserve(64)
		b[0]++
		_ = s.Commit()
		_, _ = r.Next()
		r.Done()
		r.Release()
		_, _ = r.Next() // empty
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSendReceive is one entry through the kernel, both ends here.
func BenchmarkSendReceive(b *testing.B) {
	s, r, _, _ := ends(b)
	b.ReportAllocs()
	for b.Loop() {
		m, _ := s.Reserve(64)
		m[0]++
		if err := s.Commit(); err != nil {
			b.Fatal(err)
		}
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
		r.Done()
		r.Release()
	}
}
