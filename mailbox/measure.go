package mailbox

import (
	"errors"
	"sync"
	"time"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// Crossing compares how long a payload of one size takes in two ways: Copy costs less
// for each message, Map less for each byte.
type Crossing struct {
	Size      int           // bytes
	Copy, Map time.Duration // for one message, sent, received and read
}

// Meets returns the size from which on Map is never slower than Copy, or 0 if there is
// none. all is in the order of sizes.
func Meets(all []Crossing) (size int) {
	for i := len(all) - 1; i >= 0 && all[i].Map <= all[i].Copy; i-- {
		size = all[i].Size
	}
	return size
}

// Measurement is what Measure has found.
type Measurement struct {
	Block []Crossing // Copy: in the queue's entry. Map: encoded into a block
	Lent  []Crossing // Copy: a plain []byte, the better of the two above. Map: a Buffer, filled by copy
	Took  time.Duration
}

// The bounds of Measurement.Inline: a few dozen entries should fit the ring, and below
// a kilobyte the differences are noise.
const (
	leastInline = 1 << 10
	mostInline  = 16 << 10
)

// Inline returns the size of the largest payload that is better off in an entry than in a
// block, as a value for Config.Inline.
func (m Measurement) Inline() int {
	size := mostInline
	if at := Meets(m.Block); at > 0 {
		size = at / 2 // sizes are powers of two
	}
	return min(max(size, leastInline), mostInline)
}

// LentFrom returns the size from which on a Buffer is not slower than a plain []byte,
// even if it has to be filled by copy; 0: none of the sizes measured.
func (m Measurement) LentFrom() int { return Meets(m.Lent) }

// Measure makes at most measureRounds rounds, and begins none after measureFor.
const (
	measureRounds = 12
	measureFor    = 25 * time.Millisecond
)

// Measure finds from which size on a block is better than an entry of the queue on this
// machine, and a lent buffer better than both. It sends messages through a lane of the
// default configuration and receives them on one processor, since the cost of fetching
// the bytes to another one is the same in all ways. Each figure is the best of some
// rounds, without the first, in which everything is cold. It takes about 25 ms. It fails
// if no lane can be made.
//
// In the first few milliseconds of a process, Measure would measure little else than how
// the process gets its memory. So the default is a constant, DefaultInline, and
// Config.Inline = Measured asks for Measure. It found, on the machine where that constant
// was chosen, that a block costs 0.2 to 0.3 µs more than an entry at every size up to
// 16 KiB, since both copy twice. So what speaks for the block is room in the ring, of
// which an entry of 4 KiB takes 1/256. A Buffer beats both from 8 KiB on if it is filled
// by copy, and from 2 KiB on if it is filled in place.
func Measure() (Measurement, error) {
	begun := time.Now()
	var m Measurement
	entries, err := newRig(2 * mostInline)
	if err != nil {
		return m, err
	}
	defer entries.close()
	blocks, err := newRig(1)
	if err != nil {
		return m, err
	}
	defer blocks.close()
	for round := 0; round < measureRounds && (round < 2 || time.Since(begun) < measureFor); round++ {
		if round < 2 { // forget the warm-up
			m.Block, m.Lent = nil, nil
		}
		if err := m.round(entries, blocks); err != nil {
			return m, err
		}
	}
	m.Took = time.Since(begun)
	return m, nil
}

// round takes each figure once, and keeps the best.
func (m *Measurement) round(entries, blocks *rig) error {
	for i, size := 0, 512; size <= 2*mostInline; i, size = i+1, size*2 {
		in, err1 := entries.run(size, false)
		block, err2 := blocks.run(size, false)
		lent, err3 := blocks.run(size, true)
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		if i == len(m.Block) {
			m.Block = append(m.Block, Crossing{size, in, block})
			m.Lent = append(m.Lent, Crossing{size, min(in, block), lent})
		}
		b, l := &m.Block[i], &m.Lent[i]
		b.Copy, b.Map = min(b.Copy, in), min(b.Map, block)
		l.Copy, l.Map = min(l.Copy, in, block), min(l.Map, lent)
	}
	return nil
}

// measured returns the threshold that Measured stands for, which it measures once.
var measured = sync.OnceValue(func() int {
	m, err := Measure()
	if err != nil {
		return DefaultInline
	}
	return m.Inline()
})

// rig is a lane with both ends in this process.
type rig struct {
	out *Outbox
	in  *Inbox
}

// The messages of a rig.
type (
	rigPlain struct{ Data []byte }
	rigLent  struct{ Data Buffer }
)

// rigHead is the most that the codec puts before the bytes of a rigPlain: the payload
// should fill a block, not just exceed it.
const rigHead = 8

// silent is a notifier for two goroutines that do not sleep.
type silent struct{}

func (silent) Wait([]transport.Bell, time.Duration) error { return nil }
func (silent) Interrupt()                                 {}
func (silent) Wake(transport.Word, int) error             { return nil }
func (silent) NewFD() (transport.File, error)             { return nil, nil }
func (silent) Close() error                               { return nil }

func newRig(inline int) (*rig, error) {
	cfg := wire.Mailbox{Queue: wire.QueueRing, RingBytes: DefaultRingBytes, Inline: uint32(inline), PoolBytes: DefaultPoolBytes, MaxBytes: DefaultPoolBytes}
	l, open, files, err := lane.Create(lane.Config{Queue: cfg.Queue, Cells: int(cfg.RingBytes)}, 1, silent{})
	if err != nil {
		return nil, err
	}
	if files, err = passed(files); err != nil {
		l.Close()
		return nil, err
	}
	in, back, files, err := lane.Accept(&wire.Lane{Queue: open.Queue, Cells: open.Cells, Size: open.Size}, files, silent{})
	if err != nil {
		l.Close()
		return nil, err
	}
	r := &rig{in: NewInbox("rig", cfg, in, 0, Sharing{})}
	r.out = NewOutbox(cfg, l, Sharing{Announce: r.announce, Retire: func(id uint16) error {
		return r.in.AddSegment(&wire.Segment{ID: id}, nil)
	}})
	if files, err = passed(files); err == nil {
		var p *lane.Peer
		if p, err = lane.OpenPeer(back, files); err == nil {
			r.out.Install(p, transport.Place{})
			return r, nil
		}
	}
	r.close()
	return nil, err
}

func (r *rig) announce(id uint16, f transport.File, size, class, blocks int) error {
	files, err := passed([]transport.File{f})
	if err != nil {
		return err
	}
	return r.in.AddSegment(&wire.Segment{ID: id, Size: uint64(size), Class: uint64(class), Blocks: uint32(blocks)}, files[0])
}

// passed returns files as the other end of a lane gets them: as descriptors of its own.
func passed(files []transport.File) ([]transport.File, error) {
	a, b := sock.Local()
	defer a.Close()
	defer b.Close()
	if err := a.Send([]byte{0}, files); err != nil {
		return nil, err
	}
	_, own, err := b.Receive(make([]byte, 1))
	return own, err
}

func (r *rig) close() {
	r.out.Close()
	r.in.Close()
}

// run sends payloads of size encoded bytes and returns the time for one of them, until
// the receiver has read every cache line of it.
func (r *rig) run(size int, lent bool) (time.Duration, error) {
	plain, err1 := codec.Of[rigPlain]()
	lending, err2 := codec.Of[rigLent]()
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	src := make([]byte, size-rigHead)
	n := min(max(128<<10/size, 8), 32)
	begun := time.Now()
	for i := 0; i < n; i += rigBatch {
		var err error
		for range rigBatch {
			if lent {
				err = errors.Join(err, r.sendLent(lending, src))
			} else {
				err = errors.Join(err, Send(r.out, wire.EntryTell, 0, 0, plain, &rigPlain{src}))
			}
		}
		if err != nil {
			return 0, err
		}
		if lent {
			err = receiveRig(r, lending, func(m *rigLent) []byte { return m.Data.Bytes() })
		} else {
			err = receiveRig(r, plain, func(m *rigPlain) []byte { return m.Data })
		}
		if err != nil {
			return 0, err
		}
	}
	return time.Since(begun) / time.Duration(n), nil
}

// rigBatch is how many messages are sent before they are received. All of them
// have room in the ring.
const rigBatch = 4

func (r *rig) sendLent(t *codec.Type, src []byte) error {
	b, err := r.out.Lend(len(src))
	if err != nil {
		return err
	}
	copy(b.Bytes(), src)
	if err = Send(r.out, wire.EntryTell, 0, 0, t, &rigLent{b}); err != nil {
		b.Release()
	}
	return err
}

// rigSink keeps the compiler from leaving out the reading.
var rigSink byte

// receiveRig receives a batch.
func receiveRig[M any](r *rig, t *codec.Type, bytes func(*M) []byte) error {
	var m Message
	for range rigBatch {
		if err := r.in.Next(&m); err != nil {
			return err
		}
		var v M
		if err := Decode(&m, t, &v); err != nil {
			return err
		}
		for b := bytes(&v); len(b) > 0; b = b[min(64, len(b)):] {
			rigSink += b[0]
		}
		r.in.Done(&m)
	}
	r.in.Flush(&m)
	return nil
}
