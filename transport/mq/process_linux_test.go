package mq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sock"
)

var (
	_ = testutil.HelperErr("receive", receive)
	_ = testutil.HelperErr("echo", echo)
)

// receive is one incarnation of a receiver: it gets its start and the carried
// entry in a frame, with the queue, answers with its page, and handles entries
// until it is killed.
func receive(c *testutil.Child) error {
	l, err := sock.New(c.File(0))
	if err != nil {
		return err
	}
	buf := make([]byte, 1000)
	n, files, err := l.Receive(buf)
	if err != nil {
		return err
	}
	start := binary.LittleEndian.Uint64(buf)
	mem, err := segment.Create("page", transport.RecvPageBytes, segment.Options{})
	if err != nil {
		return err
	}
	page, err := transport.NewRecvPage(mem.Bytes())
	if err != nil {
		return err
	}
	page.InFlight.Store(uint64(transport.PackInFlight(start, 0, transport.HandNone)))
	r := NewReceiver(files[0].(*os.File), page, transport.Place{Seq: start, Carry: buf[8:n]})
	if err := l.Send([]byte("page"), []transport.File{mem.File()}); err != nil {
		return err
	}
	for i := 0; ; i++ {
		e, err := r.Next()
		if errors.Is(err, transport.ErrEmpty) {
			runtime.Gosched()
			continue
		}
		if err != nil {
			return err // a lost entry shows here: its sequence is missing
		}
		page.InFlight.Store(uint64(transport.PackInFlight(e.Seq, 0, transport.HandIn)))
		if err := checkEntry(e.Seq, e.Bytes); err != nil {
			return err
		}
		r.Done()
		if i%3 == 0 { // otherwise the next entry says that this one is done
			page.InFlight.Store(uint64(transport.PackInFlight(e.End, 0, transport.HandDone)))
			r.Release()
		}
	}
}

// fill writes an entry whose bytes follow from its sequence.
func fill(b []byte, seq uint64) {
	for i := range b {
		b[i] = byte(seq*7 + uint64(i))
	}
}

func entrySize(seq uint64) int { return 1 + int(seq*31%MaxEntry) }

func checkEntry(seq uint64, b []byte) error {
	if len(b) != entrySize(seq) {
		return fmt.Errorf("entry %d has %d bytes, want %d", seq, len(b), entrySize(seq))
	}
	for i := range b {
		if b[i] != byte(seq*7+uint64(i)) {
			return fmt.Errorf("entry %d: byte %d is %d", seq, i, b[i])
		}
	}
	return nil
}

// incarnation is a running receiver, as its supervisor sees it.
type incarnation struct {
	proc *testutil.Proc
	link transport.Link
	mem  *segment.Memory
	page *transport.RecvPage
	gone atomic.Bool // the process has hung up
}

func startReceiver(t *testing.T, queue *os.File, start_ uint64, carry []byte) *incarnation {
	t.Helper()
	a, b, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := sock.New(a)
	if err != nil {
		t.Fatal(err)
	}
	c := testutil.Start(t, "receive", testutil.Spec{Files: []*os.File{b}})
	b.Close()
	if err := l.Send(append(binary.LittleEndian.AppendUint64(nil, start_), carry...), []transport.File{queue}); err != nil {
		t.Fatal(err)
	}
	_, files, err := l.Receive(make([]byte, 10))
	if err != nil {
		t.Fatalf("no page: %v", err)
	}
	mem, err := segment.Open(files[0], transport.RecvPageBytes)
	if err != nil {
		t.Fatal(err)
	}
	page, err := transport.OpenRecvPage(mem.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	in := &incarnation{proc: c, link: l, mem: mem, page: page}
	go func() {
		_, _, _ = l.Receive(make([]byte, 10)) // nothing comes but the end
		in.gone.Store(true)
	}()
	return in
}

// inquest says where a successor starts after the death of in, what it must be
// given, and whether one entry is in doubt.
func (in *incarnation) inquest() (start uint64, carry []byte, doubt bool) {
	word := transport.InFlight(in.page.InFlight.Load())
	start = word.Seq()
	if word.State() == transport.HandIn {
		start++
		doubt = true
	}
	seq, entry, ok := kernelq.Taken(in.page.Taken)
	if !ok || seq < word.Seq() || seq < start {
		return start, nil, doubt
	}
	// It took an entry that no handler has seen. The one before it was dealt
	// with, whatever the word says.
	return seq, append([]byte(nil), entry...), false
}

// TestKillReceiver kills receivers under saturation. The queue forgets what is
// read, so an entry survives only by the record in the page: the successor
// would miss its sequence, and say so.
func TestKillReceiver(t *testing.T) {
	testutil.Audit(t)
	queue := create(t)
	defer queue.Close()
	page := sendPage(t)
	stop, stopped := make(chan bool), make(chan error)
	go func() { stopped <- saturate(dup(t, queue), page, stop) }()
	total := testutil.Rounds(20, 1000)
	var start, entries uint64
	var carry []byte
	carried, doubts := 0, 0
	for i := range total {
		next, left, doubt := killOne(t, i, queue, start, carry)
		if left != nil {
			carried++
		}
		if doubt {
			doubts++
		}
		entries += next - start
		start, carry = next, left
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	rest := drain(t, queue, start, carry)
	if sent := page.Tail.Load(); entries+rest != sent {
		t.Errorf("sent %d, handled or in doubt %d, left %d", sent, entries, rest)
	}
	t.Logf("%d kills, %d entries, lost 0; carried %d times, in doubt %d times", total, page.Tail.Load(), carried, doubts)
}

// killOne runs the i-th receiver for a moment, kills it, and says what its
// successor needs.
func killOne(t *testing.T, i int, queue *os.File, start uint64, carry []byte) (next uint64, left []byte, doubt bool) {
	t.Helper()
	in := startReceiver(t, queue, start, carry)
	defer in.mem.Close()
	defer in.link.Close()
	for i%4 != 0 && in.page.Head.Load() < start+20 && !in.gone.Load() { // most die in full run, some at once
		runtime.Gosched()
	}
	spin(time.Duration(rand.Int64N(int64(time.Millisecond))))
	in.proc.Kill()
	if s := in.proc.Wait(); s.Exited() {
		t.Fatalf("receiver %d ended by itself: %v", i, s)
	}
	next, left, doubt = in.inquest()
	if next < start {
		t.Fatalf("receiver %d went back from %d to %d", i, start, next)
	}
	if left != nil {
		if err := checkEntry(next, left); err != nil {
			t.Fatalf("receiver %d: the record: %v", i, err)
		}
	}
	return next, left, doubt
}

// spin makes the moment of the kill random; nothing waits for it.
func spin(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d; {
		runtime.Gosched()
	}
}

// drain counts what is left in the queue, which must be all that comes after
// start.
func drain(t *testing.T, queue *os.File, start uint64, carry []byte) (n uint64) {
	t.Helper()
	rp := recvPage(t)
	r := NewReceiver(dup(t, queue), rp, transport.Place{Seq: start, Carry: carry})
	defer r.Close()
	for ; ; n++ {
		e, err := r.Next()
		if err == transport.ErrEmpty {
			return n
		}
		if err != nil {
			t.Fatalf("lost: %v", err)
		}
		if err := checkEntry(e.Seq, e.Bytes); err != nil {
			t.Fatal(err)
		}
		r.Done()
	}
}

// saturate keeps the queue full until stop.
func saturate(f *os.File, page *transport.SendPage, stop chan bool) error {
	s := NewSender(f, page)
	defer s.Close()
	for {
		b, err := s.Reserve(entrySize(s.Next()))
		if err != nil {
			return err
		}
		fill(b, s.Next())
		for {
			err := s.Commit()
			if err == nil {
				break
			}
			if !errors.Is(err, transport.ErrFull) {
				return err
			}
			select {
			case <-stop:
				return nil
			default:
				runtime.Gosched()
			}
		}
	}
}

// echo sends every entry back on a second queue, until the link ends.
func echo(c *testutil.Child) error {
	l, err := sock.New(c.File(0))
	if err != nil {
		return err
	}
	_, files, err := l.Receive(make([]byte, 10))
	if err != nil {
		return err
	}
	rp, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		return err
	}
	sp, err := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
	if err != nil {
		return err
	}
	in := files[0].(*os.File)
	r, s := NewReceiver(in, rp, transport.Place{}), NewSender(files[1].(*os.File), sp)
	go func() {
		if _, _, err := l.Receive(make([]byte, 10)); err == io.EOF {
			os.Exit(0)
		}
		os.Exit(1)
	}()
	for {
		e, err := r.Next()
		if errors.Is(err, transport.ErrEmpty) {
			if err := Readable(in); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		b, err := s.Reserve(len(e.Bytes))
		if err != nil {
			return err
		}
		copy(b, e.Bytes)
		r.Done()
		r.Release()
		if err := s.Commit(); err != nil {
			return err
		}
	}
}

// loop is this process's ends of two queues with an echo between them.
type loop struct {
	s    transport.Sender
	r    transport.Receiver
	back *os.File
}

func newLoop(t testing.TB) *loop {
	t.Helper()
	there, back := create(t), create(t)
	a, b, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := sock.New(a)
	if err != nil {
		t.Fatal(err)
	}
	c := testutil.Start(t, "echo", testutil.Spec{Files: []*os.File{b}})
	b.Close()
	if err := l.Send([]byte("go"), []transport.File{there, back}); err != nil {
		t.Fatal(err)
	}
	rp := recvPage(t)
	o := &loop{s: NewSender(there, sendPage(t)), r: NewReceiver(back, rp, transport.Place{}), back: back}
	t.Cleanup(func() {
		l.Close()
		c.Succeeds()
		o.s.Close()
		o.r.Close()
	})
	return o
}

// trip sends an entry of n bytes and waits for it to come back.
func (o *loop) trip(n int) error {
	seq := o.s.Next()
	b, err := o.s.Reserve(n)
	if err != nil {
		return err
	}
	fill(b, seq)
	if err := o.s.Commit(); err != nil {
		return err
	}
	e, err := o.r.Next()
	for ; errors.Is(err, transport.ErrEmpty); e, err = o.r.Next() {
		if err := Readable(o.back); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if e.Seq != seq || len(e.Bytes) != n || e.Bytes[n-1] != byte(seq*7+uint64(n-1)) {
		return fmt.Errorf("entry %d of %d bytes came back as %d with %d", seq, n, e.Seq, len(e.Bytes))
	}
	o.r.Done()
	o.r.Release()
	return nil
}

// TestEcho sends entries of all sizes to another process and back.
func TestEcho(t *testing.T) {
	testutil.Audit(t)
	o := newLoop(t)
	for n := 1; n <= MaxEntry; n++ {
		if err := o.trip(n); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkRoundTrip is an entry to another process and back, both waiting in
// the poller.
func BenchmarkRoundTrip(b *testing.B) {
	o := newLoop(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := o.trip(64); err != nil {
			b.Fatal(err)
		}
	}
}
