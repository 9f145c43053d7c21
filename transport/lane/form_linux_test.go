package lane

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// TestTable: each row has its own name and number, and can be found by both.
func TestTable(t *testing.T) {
	seen := map[wire.Queue]bool{}
	for _, f := range forms {
		byName, err := FormNamed(f.Name)
		byNumber, err2 := FormOf(f.Queue)
		if err != nil || err2 != nil || byName.Queue != f.Queue || byNumber.Name != f.Name || seen[f.Queue] || f.Queue == 0 {
			t.Errorf("%+v: %v, %v", f, err, err2)
		}
		seen[f.Queue] = true
		if f.Create != nil && (f.Receive == nil || f.Record == nil) {
			t.Errorf("%s is half a form", f.Name)
		}
	}
	if _, err := FormNamed("letters"); err == nil || !strings.Contains(err.Error(), `"sysv"`) {
		t.Errorf("an unknown name does not say which there are: %v", err)
	}
	if _, err := FormOf(99); err == nil {
		t.Error("number 99 is a form")
	}
}

// TestProbeAndBest: Best is the first that Probe allows, in the table's order.
func TestProbeAndBest(t *testing.T) {
	testutil.Audit(t)
	best, err := Best()
	for _, s := range Probe() {
		if s.Err == nil {
			if err != nil || best.Name != s.Form.Name {
				t.Errorf("best is %v, %v; the first is %s", best, err, s.Form.Name)
			}
			return
		}
	}
	if err == nil {
		t.Errorf("nothing is allowed, but best is %s", best.Name)
	}
}

// stand makes the pages of a lane whose receiver has died, with entries in its
// queue.
type stand struct {
	form *Form
	file *os.File
	send *transport.SendPage
	recv *transport.RecvPage
	s    transport.Sender
	r    transport.Receiver
}

func newStand(t *testing.T, name string) *stand {
	f, err := FormNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	st := &stand{form: f}
	if st.send, err = transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	if st.recv, err = transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes()); err != nil {
		t.Fatal(err)
	}
	if st.s, st.file, err = f.Create(st.send); err != nil {
		testutil.Refused(t, err)
	}
	st.r = f.Receive(st.file, st.recv, transport.Place{})
	t.Cleanup(func() {
		if err := f.Remove(st.file); err != nil {
			t.Error(err)
		}
		st.s.Close()
		st.r.Close()
	})
	for _, text := range []string{"zero", "one", "two"} {
		b, err := st.s.Reserve(len(text))
		if err != nil {
			t.Fatal(err)
		}
		copy(b, text)
		if err := st.s.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

func (st *stand) take(t *testing.T) {
	t.Helper()
	if _, err := st.r.Next(); err != nil {
		t.Fatal(err)
	}
}

func (st *stand) hand(seq uint64, state uint8) {
	st.recv.InFlight.Store(uint64(transport.PackInFlight(seq, 0, state)))
}

// TestRemains: what is said of a dead receiver, at every step at which it can
// die, over a queue that forgets what is read.
func TestRemains(t *testing.T) {
	for _, c := range []struct {
		name string
		at   uint64
		hand bool
		left string // the entry that left the queue
		live func(t *testing.T, st *stand)
	}{
		{"nothing taken", 0, false, "", func(*testing.T, *stand) {}},
		{"taken", 0, false, "zero", func(t *testing.T, st *stand) { st.take(t) }},
		{"in hand", 0, true, "zero", func(t *testing.T, st *stand) { st.take(t); st.hand(0, transport.HandIn) }},
		{"done", 1, false, "", func(t *testing.T, st *stand) {
			st.take(t)
			st.hand(0, transport.HandIn)
			st.hand(1, transport.HandDone)
		}},
		{"next taken after done", 1, false, "one", func(t *testing.T, st *stand) {
			st.take(t)
			st.hand(0, transport.HandIn)
			st.hand(1, transport.HandDone)
			st.r.Done()
			st.take(t)
		}},
		// The word that says done can be left out while entries follow each
		// other.
		{"next taken, nothing said", 1, false, "one", func(t *testing.T, st *stand) {
			st.take(t)
			st.hand(0, transport.HandIn)
			st.r.Done()
			st.take(t)
		}},
		{"a word beyond the tail", 0, false, "zero", func(t *testing.T, st *stand) { st.take(t); st.hand(9, transport.HandIn) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStand(t, "unix")
			c.live(t, st)
			r := st.form.Remains(st.send, st.recv, transport.Place{})
			if r.At != c.at || r.InHand != c.hand || r.Left != (c.left != "") || string(r.Entry.Bytes) != c.left {
				t.Errorf("%+v %q", r, r.Entry.Bytes)
			}
		})
	}
	st := newStand(t, "unix")
	if r := st.form.Remains(st.send, st.recv, transport.Place{Carry: []byte("carried")}); r.At != 0 || r.InHand || string(r.Entry.Bytes) != "carried" {
		t.Errorf("a carry that the receiver had not put down: %+v", r)
	}
}

// TestRemainsOfALongLane: an in-flight word has 48 bits of a sequence, and a ring can
// have carried more.
func TestRemainsOfALongLane(t *testing.T) {
	send, err := transport.NewSendPage(segment.Heap(transport.SendPageHeader+ring.MinBytes).Bytes(), ring.MinBytes)
	if err != nil {
		t.Fatal(err)
	}
	recv, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	const start = 64
	for _, at := range []uint64{start, 1<<48 - 1, 1 << 48, 1<<48 + 5, 3<<48 + 7} {
		for _, state := range []uint8{transport.HandIn, transport.HandDone} {
			for _, ahead := range []uint64{0, 1, 60} {
				send.Tail.Store(at + ahead)
				recv.InFlight.Store(uint64(transport.PackInFlight(at, 0, state)))
				form, err := FormOf(wire.QueueRing)
				if err != nil {
					t.Fatal(err)
				}
				r := form.Remains(send, recv, transport.Place{Seq: start})
				if r.At != at || r.InHand != (state == transport.HandIn) {
					t.Errorf("%#x, %d before the tail: %#x, in hand %v", at, ahead, r.At, r.InHand)
				}
			}
		}
	}
	// What a receiver cannot have come to is not believed.
	send.Tail.Store(start + 10)
	for _, lie := range []uint64{0, start - 1, start + 12, 1 << 47} {
		recv.InFlight.Store(uint64(transport.PackInFlight(lie, 0, transport.HandIn)))
		form, _ := FormOf(wire.QueueRing)
		if r := form.Remains(send, recv, transport.Place{Seq: start}); r.At != start || r.InHand {
			t.Errorf("it says %d: %+v", lie, r)
		}
	}
}

// TestRemainsOfAWrapAround: counts of a receiver whose sum is small, because it is
// beyond what a word holds, are not believed.
func TestRemainsOfAWrapAround(t *testing.T) {
	st := newStand(t, "unix")
	for _, urgent := range []uint64{5, 6, 7} { // the sum is 0, 1, 2
		st.recv.Normal.Store(1<<64 - 5)
		st.recv.Urgent.Store(urgent)
		if r := st.form.Remains(st.send, st.recv, transport.Place{Seq: 2}); r.At != 2 || r.Urgent != 0 || r.InHand || r.Left {
			t.Errorf("with %d urgent: %+v", urgent, r)
		}
	}
}

// TestRemainsOfCounts: the counts of a dead receiver are believed from where it began to
// one after the sender's tail, which the sender may not have come to store.
func TestRemainsOfCounts(t *testing.T) {
	st := newStand(t, "unix") // three were sent
	began := transport.Place{Seq: 2, Urgent: 1}
	for _, c := range []struct {
		normal, urgent uint64
		believed       bool
	}{
		{1, 1, true}, {2, 1, true}, {1, 2, true}, {2, 2, true}, {3, 1, true},
		{0, 2, false}, {2, 0, false}, {0, 0, false}, {0, 4, false}, {4, 0, false}, // less than it began with
		{4, 1, false}, {3, 2, false}, {1, 1 << 40, false}, // more than there can be
	} {
		st.recv.Normal.Store(c.normal)
		st.recv.Urgent.Store(c.urgent)
		want := began
		if c.believed {
			want = transport.Place{Seq: c.normal + c.urgent, Urgent: c.urgent}
		}
		if r := st.form.Remains(st.send, st.recv, began); r.At != want.Seq || r.Urgent != want.Urgent {
			t.Errorf("%+v: it is at %d, %d of them urgent, want %+v", c, r.At, r.Urgent, want)
		}
	}
}

// TestWhereASuccessorBegins: with the entry at which its predecessor was, which it has to
// be given if that has left the queue, or after that, and after one of its class.
func TestWhereASuccessorBegins(t *testing.T) {
	for _, left := range []bool{false, true} {
		for _, urgent := range []bool{false, true} {
			r := Remains{At: 5, Urgent: 2, Entry: transport.Entry{Seq: 5, End: 6, Bytes: []byte("five")}, Left: left, IsUrgent: urgent}
			again, past := transport.Place{Seq: 5, Urgent: 2}, transport.Place{Seq: 6, Urgent: 2}
			if left {
				again.Carry, again.CarryUrgent = r.Entry.Bytes, urgent
			}
			if urgent {
				past.Urgent = 3
			}
			if got := r.Again(); !reflect.DeepEqual(got, again) {
				t.Errorf("left %v, urgent %v: again from %+v, want %+v", left, urgent, got, again)
			}
			if got := r.Past(); !reflect.DeepEqual(got, past) {
				t.Errorf("left %v, urgent %v: past it from %+v, want %+v", left, urgent, got, past)
			}
		}
	}
}
