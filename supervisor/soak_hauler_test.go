package supervisor_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/actor"
)

// A Hauler enters each message that it handles in a ledger, and sends others
// when it is asked to; what it sends is in a ledger too.
type Hauler struct{}

const haulerVar = "SUPERVISOR_TEST_HAULER"

// Key is in each message: a mark, by which it is found in a dead letter, who has
// sent it, and the number that it has there.
type Key [24]byte

const keyMark = "HAULER's"

type (
	Note struct { // small and flat
		actor.Tells[Hauler]
		Key Key
	}
	Parcel struct { // of any size
		actor.Tells[Hauler]
		Key  Key
		Data []byte
	}
	Loan struct {
		actor.Tells[Hauler]
		Key  Key
		Data actor.Buffer
	}
	Deed struct {
		actor.Tells[Hauler]
		Key  Key
		File actor.File
	}
	Query struct {
		actor.Asks[Hauler, Key]
		Key  Key
		Slow bool // the handler waits until the asker gives up
	}
	Return struct { // is answered with as many bytes, lent or not
		actor.Asks[Hauler, Returned]
		Key  Key
		Size int
		Lent bool
	}
	Returned struct {
		Data []byte
		Lent actor.Buffer
	}
	Fate struct { // ends its process, or is refused
		actor.Tells[Hauler]
		Key Key
		How int
	}
	Round struct { // makes it send so many to others
		actor.Tells[Hauler]
		Key Key
		To  []actor.Ref[Hauler]
		N   int
	}
	Census struct{ actor.Asks[Hauler, Hands] }
	Hands  struct{ Working int }
)

var errUnwanted = errors.New("unwanted")

var hauler = actor.Define("hauler", func(s *actor.Setup[Hauler]) error {
	l, err := openJournal(os.Getenv(haulerVar), "handled")
	if err != nil {
		return err
	}
	h := &hauling{handled: l, self: s.Self().ID, incarnation: uint32(s.Context().Incarnation())}
	actor.OnTell(s, func(c *actor.Context, m Note) error { return h.enter(c, m.Key, handledWhole) })
	actor.OnTell(s, func(c *actor.Context, m Parcel) error { return h.enter(c, m.Key, whole(m.Key, m.Data)) })
	actor.OnTell(s, h.loan)
	actor.OnTell(s, h.deed)
	actor.OnTell(s, h.fate)
	actor.OnTell(s, h.round)
	actor.OnAsk(s, func(c *actor.Context, m Query) (Key, error) {
		if m.Slow {
			<-c.Done()
		}
		return m.Key, h.enter(c, m.Key, handledWhole)
	})
	actor.OnAsk(s, h.back)
	actor.OnAsk(s, func(*actor.Context, Census) (Hands, error) { return Hands{int(h.working.Load())}, nil })
	actor.OnHandover(s, func(*actor.Context) (Key, error) { return Key{}, nil })
	actor.OnState(s, func(*actor.Context, Key) error { return nil })
	actor.OnStream(s, actor.StreamPolicy{}, h.stream)
	return nil
})

// hauling is the state of a Hauler.
type hauling struct {
	handled     *journal
	self        uint32
	incarnation uint32
	working     atomic.Int64 // rounds
}

// enter enters that a message is handled.
func (h *hauling) enter(c *actor.Context, key Key, class byte) error {
	return h.handled.write(record{From: key.from(), Seq: key.seq(), To: h.self, Class: class, Attempt: uint8(c.Attempt()),
		Incarnation: h.incarnation, Sender: uint32(os.Getpid())})
}

// whole is the class of a message with that data.
func whole(key Key, b []byte) byte {
	if !checkData(b, key) {
		return handledSpoilt
	}
	return handledWhole
}

func (h *hauling) loan(c *actor.Context, m Loan) error {
	if rand.IntN(4) == 0 { // gives it back later
		m.Data.Keep()
		go func() {
			if !checkData(m.Data.Bytes(), m.Key) {
				panic("a kept buffer has changed")
			}
			m.Data.Release()
		}()
	}
	return h.enter(c, m.Key, whole(m.Key, m.Data.Bytes()))
}

func (h *hauling) deed(c *actor.Context, m Deed) error {
	b := make([]byte, len(m.Key))
	_, err := m.File.ReadAt(b, 0)
	class := byte(handledWhole)
	if err != nil || Key(b) != m.Key {
		class = handledSpoilt
	}
	return errors.Join(m.File.Close(), h.enter(c, m.Key, class))
}

func (h *hauling) fate(c *actor.Context, m Fate) error {
	if err := h.enter(c, m.Key, handledWhole); err != nil {
		return err
	}
	switch m.How {
	case 0:
		return errUnwanted
	case 1:
		c.Exit(actor.ReasonNormal)
	case 2:
		panic("it is its fate")
	case 3:
		os.Exit(3)
	case 4:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return nil
}

func (h *hauling) round(c *actor.Context, m Round) error {
	h.working.Add(1)
	ctx := context.WithoutCancel(c)
	go func() {
		defer h.working.Add(-1)
		out := newHaul(ctx, os.Getenv(haulerVar), h.self, m.To)
		defer out.close()
		for range m.N {
			out.send()
		}
	}()
	return h.enter(c, m.Key, handledWhole)
}

func (h *hauling) back(c *actor.Context, m Return) (r Returned, err error) {
	if m.Lent {
		if r.Lent, err = c.Lend(m.Size); err == nil {
			fillData(r.Lent.Bytes(), m.Key)
		}
	} else {
		r.Data = make([]byte, m.Size)
		fillData(r.Data, m.Key)
	}
	return r, errors.Join(err, h.enter(c, m.Key, handledWhole))
}

// stream reads a stream, which has no number of attempts.
func (h *hauling) stream(r *actor.StreamReader) error {
	var from uint64
	var seq uint32
	if _, err := fmt.Sscan(r.Name(), &from, &seq); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	key, class := makeKey(from, seq), byte(handledStream)
	if !checkData(b, key) {
		class = handledSpoilt
	}
	return h.handled.write(record{From: from, Seq: seq, To: h.self, Class: class, Incarnation: h.incarnation, Sender: uint32(os.Getpid())})
}

func makeKey(from uint64, seq uint32) (k Key) {
	copy(k[:], keyMark)
	binary.LittleEndian.PutUint64(k[8:], from)
	binary.LittleEndian.PutUint64(k[16:], uint64(seq))
	return k
}

func (k Key) from() uint64 { return binary.LittleEndian.Uint64(k[8:]) }
func (k Key) seq() uint32  { return uint32(binary.LittleEndian.Uint64(k[16:])) }

// keyIn finds the key of a message in its bytes.
func keyIn(b []byte) (k Key, ok bool) {
	i := strings.Index(string(b), keyMark)
	if i < 0 || len(b) < i+len(k) {
		return k, false
	}
	return Key(b[i : i+len(k)]), true
}

// fillData writes what checkData expects of the data of that key.
func fillData(b []byte, k Key) {
	for i := range b {
		b[i] = k[8+i%16] + byte(i>>4)
	}
}

func checkData(b []byte, k Key) bool {
	for i := range b {
		if b[i] != k[8+i%16]+byte(i>>4) {
			return false
		}
	}
	return true
}

// A haul is what one goroutine sends.
type haul struct {
	outgoing
	ctx context.Context
	to  []actor.Ref[Hauler]
}

func newHaul(ctx context.Context, dir string, sender uint32, to []actor.Ref[Hauler]) *haul {
	return &haul{newOutgoing(dir, sender), ctx, to}
}

// next enters that the next message is about to be sent to these actors.
func (h *haul) next(to ...uint32) Key { return h.intend(0, to...) }

var haulSizes = []int{0, 1, 100, 4 << 10, 4<<10 + 1, 20 << 10, 64 << 10, 200 << 10, 300 << 10}

// send sends one message of some kind to one of the actors, or to some.
func (h *haul) send() {
	ref := h.to[rand.IntN(len(h.to))]
	size := haulSizes[rand.IntN(len(haulSizes))]
	ctx, cancel := context.WithTimeout(h.ctx, time.Duration(1+rand.IntN(300))*time.Millisecond)
	defer cancel()
	switch n := rand.IntN(100); {
	case n < 50:
		h.told(actor.Tell(ctx, ref, Note{Key: h.next(ref.ID)}))
	case n < 65:
		key := h.next(ref.ID)
		data := make([]byte, size)
		fillData(data, key)
		h.told(actor.Tell(ctx, ref, Parcel{Key: key, Data: data}))
	case n < 75:
		b, err := actor.Lend(ctx, ref, size)
		if err != nil {
			return
		}
		defer b.Release()
		key := h.next(ref.ID)
		fillData(b.Bytes(), key)
		h.told(actor.Tell(ctx, ref, Loan{Key: key, Data: b}))
	case n < 78:
		h.paper(ctx, ref)
	case n < 85:
		key := h.next(ref.ID)
		_, err := actor.Ask(ctx, ref, Query{Key: key, Slow: rand.IntN(8) == 0})
		h.asked(err)
	case n < 89:
		h.back(ctx, ref, size)
	case n < 92:
		h.all(ctx, size)
	case n < 94:
		h.stream(ctx, ref, 1+size*rand.IntN(8))
	case n < 95:
		how := 0
		if rand.IntN(20) == 0 {
			how = rand.IntN(5)
		}
		h.told(actor.Tell(ctx, ref, Fate{Key: h.next(ref.ID), How: how}))
	default:
		if h.sender == 0 && rand.IntN(3) == 0 {
			h.told(actor.Tell(ctx, ref, Round{Key: h.next(ref.ID), To: h.to, N: rand.IntN(100)}))
		}
	}
}

func (h *haul) back(ctx context.Context, ref actor.Ref[Hauler], size int) {
	key := h.next(ref.ID)
	r, err := actor.Ask(ctx, ref, Return{Key: key, Size: size, Lent: rand.IntN(2) == 0})
	if err == nil && (len(r.Data)+r.Lent.Len() != size || !checkData(r.Data, key) || r.Lent.Len() > 0 && !checkData(r.Lent.Bytes(), key)) {
		h.outcome(sentSpoilt)
		return
	}
	r.Lent.Release()
	h.asked(err)
}

func (h *haul) paper(ctx context.Context, ref actor.Ref[Hauler]) {
	f, err := os.CreateTemp(filepath.Dir(h.sent.Name()), "paper")
	if err != nil {
		return
	}
	defer f.Close()
	_ = os.Remove(f.Name())
	key := h.next(ref.ID)
	if _, err := f.Write(key[:]); err != nil {
		panic(err)
	}
	h.told(actor.Tell(ctx, ref, Deed{Key: key, File: actor.File{File: f}}))
}

// all tells some of the actors at once.
func (h *haul) all(ctx context.Context, size int) {
	var refs []actor.Ref[Hauler]
	var ids []uint32
	for _, i := range rand.Perm(len(h.to))[:1+rand.IntN(min(3, len(h.to)))] {
		refs, ids = append(refs, h.to[i]), append(ids, h.to[i].ID)
	}
	var key Key
	var err error
	if rand.IntN(2) == 0 {
		b, lendErr := actor.LendAll(ctx, refs, size)
		if lendErr != nil {
			return
		}
		defer b.Release()
		key = h.next(ids...)
		fillData(b.Bytes(), key)
		err = actor.TellAll(ctx, refs, Loan{Key: key, Data: b})
	} else {
		key = h.next(ids...)
		data := make([]byte, size)
		fillData(data, key)
		err = actor.TellAll(ctx, refs, Parcel{Key: key, Data: data})
	}
	if err == nil {
		h.outcome(sentTold)
		return
	}
	some := new(actor.TellAllError)
	if !errors.As(err, &some) {
		h.outcome(sentRefused)
		return
	}
	failed := map[uint32]bool{}
	for _, m := range some.Failed {
		failed[m.ID] = true
	}
	all := h.intended
	for i := range all {
		h.intended = all[i : i+1]
		if failed[all[i].To] {
			h.outcome(sentRefused)
		} else {
			h.outcome(sentTold)
		}
	}
}

// stream sends a stream. It is not empty: one that is ends with its first message, and is
// read again if its reader is killed with that in hand.
func (h *haul) stream(ctx context.Context, ref actor.Ref[Hauler], size int) {
	key := h.next(ref.ID)
	w, err := actor.NewStream(ctx, ref, fmt.Sprint(h.id, " ", h.seq), int64(size), nil)
	if err != nil {
		h.outcome(sentUnsure)
		return
	}
	data := make([]byte, size)
	fillData(data, key)
	_, err = w.Write(data)
	err = errors.Join(err, w.Close())
	h.asked(err)
}
