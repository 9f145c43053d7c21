package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/actor"
)

// Crew is the protocol of the members of pools and groups that enter each message that
// they handle in a tally, and send others when they are asked to.
type Crew struct{}

const (
	crewVar = "SUPERVISOR_TEST_CREW"      // the directory of the tallies
	gangVar = "SUPERVISOR_TEST_CREW_GANG" // set: it joins the group in its Setup
	gang    = "gang"
)

// Badge is the Key of a message that may go to a pool which routes by key.
type Badge struct{ Key Key }

const crewKeys = 16

// RouteKey divides the messages of a sender among some keys.
func (b Badge) RouteKey() uint64 { return routeKey(b.Key.seq()) }

func routeKey(seq uint32) uint64 { return uint64(seq) * 7 % crewKeys }

type (
	Chit struct { // small and flat
		actor.Tells[Crew]
		Badge
	}
	Crate struct { // of any size
		actor.Tells[Crew]
		Badge
		Data []byte
	}
	Skid struct {
		actor.Tells[Crew]
		Badge
		Data actor.Buffer
	}
	Call struct {
		actor.Asks[Crew, Key]
		Badge
		Slow bool // the handler waits until the asker gives up
	}
	Bring struct { // is answered with as many bytes, lent or not
		actor.Asks[Crew, Brought]
		Badge
		Size int
		Lent bool
	}
	Brought struct {
		Data []byte
		Lent actor.Buffer
	}
	Mishap struct { // ends its process
		actor.Tells[Crew]
		Badge
		How int
	}
	Tour struct { // makes it send so many messages
		actor.Tells[Crew]
		Badge
		To []Post
		N  int
	}
	Enlist struct { // it joins the group, or leaves it
		actor.Asks[Crew, Strength]
		Leave bool
	}
	Muster   struct{ actor.Asks[Crew, Strength] }
	Strength struct{ Working int }
)

// Post is a pool or a group.
type Post struct {
	Ref  actor.Ref[Crew]
	Many bool // a message reaches all members
}

var crew = actor.Define("crew", func(s *actor.Setup[Crew]) error {
	dir := os.Getenv(crewVar)
	self, incarnation := s.Self(), s.Context().Incarnation()
	handled, err := openJournal(dir, "handled")
	if err != nil {
		return err
	}
	var working atomic.Int64
	enter := func(c *actor.Context, k Key, b []byte) error {
		return handled.write(record{From: k.from(), Seq: k.seq(), To: self.ID, Class: whole(k, b), Attempt: uint8(c.Attempt()), Incarnation: uint32(incarnation)})
	}
	actor.OnTell(s, func(c *actor.Context, m Chit) error { return enter(c, m.Key, nil) })
	actor.OnTell(s, func(c *actor.Context, m Crate) error { return enter(c, m.Key, m.Data) })
	actor.OnTell(s, func(c *actor.Context, m Skid) error {
		if rand.IntN(4) == 0 { // gives it back later
			m.Data.Keep()
			go func() {
				if !checkData(m.Data.Bytes(), m.Key) {
					panic("a kept buffer has changed")
				}
				m.Data.Release()
			}()
		}
		return enter(c, m.Key, m.Data.Bytes())
	})
	actor.OnTell(s, func(c *actor.Context, m Mishap) error {
		if err := enter(c, m.Key, nil); err != nil {
			return err
		}
		switch m.How {
		case 0:
			c.Exit(actor.ReasonNormal)
		case 1:
			panic("a mishap")
		case 2:
			os.Exit(3)
		}
		return nil
	})
	actor.OnTell(s, func(c *actor.Context, m Tour) error {
		working.Add(1)
		ctx := context.WithoutCancel(c)
		go func() {
			defer working.Add(-1)
			d := newDriver(ctx, dir, self.ID, m.To)
			defer d.close()
			for range m.N {
				d.send()
			}
		}()
		return enter(c, m.Key, nil)
	})
	actor.OnAsk(s, func(c *actor.Context, m Call) (Key, error) {
		if m.Slow {
			<-c.Done()
		}
		return m.Key, enter(c, m.Key, nil)
	})
	actor.OnAsk(s, func(c *actor.Context, m Bring) (r Brought, err error) {
		if m.Lent {
			if r.Lent, err = c.Lend(m.Size); err == nil {
				fillData(r.Lent.Bytes(), m.Key)
			}
		} else {
			r.Data = make([]byte, m.Size)
			fillData(r.Data, m.Key)
		}
		return r, errors.Join(err, enter(c, m.Key, nil))
	})
	actor.OnAsk(s, func(c *actor.Context, m Enlist) (Strength, error) {
		if m.Leave {
			return Strength{}, actor.Leave(c, self, gang)
		}
		return Strength{}, actor.Join(c, self, gang)
	})
	actor.OnAsk(s, func(*actor.Context, Muster) (Strength, error) { return Strength{int(working.Load())}, nil })
	actor.OnStream(s, actor.StreamPolicy{}, func(r *actor.StreamReader) error {
		var from uint64
		var seq uint32
		if _, err := fmt.Sscan(r.Name(), &from, &seq); err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		class := byte(handledStream)
		if !checkData(b, makeKey(from, seq)) {
			class = handledSpoilt
		}
		return handled.write(record{From: from, Seq: seq, To: self.ID, Class: class, Incarnation: uint32(incarnation)})
	})
	if os.Getenv(gangVar) != "" {
		return actor.Join(s.Context(), self, gang)
	}
	return nil
})

// A driver is what one goroutine sends.
type driver struct {
	outgoing
	ctx context.Context
	to  []Post
}

func newDriver(ctx context.Context, dir string, sender uint32, to []Post) *driver {
	return &driver{newOutgoing(dir, sender), ctx, to}
}

// next enters that the next message is about to be sent to one of the actors that a
// number stands for, or to several actors.
func (d *driver) next(to uint32, many bool) Key {
	if many {
		return d.intend(1, to)
	}
	return d.intend(0, to)
}

// toldMany enters who must have got the message, and who cannot have got it, and then
// that it was told. The first of these is by pool, 0 for those that were listed by themselves.
func (d *driver) toldMany(want map[uint32][]uint32, err error) {
	some := new(actor.TellAllError)
	if err != nil && !errors.As(err, &some) {
		d.outcome(sentRefused)
		return
	}
	failed := map[uint32]bool{}
	for _, m := range some.Failed {
		failed[m.ID] = true
		r := d.intended[0]
		r.Class, r.To = sentExcluded, m.ID
		if err := d.sent.write(r); err != nil {
			panic(err)
		}
	}
	for pool, ids := range want {
		for _, id := range ids {
			if failed[id] {
				continue
			}
			r := d.intended[0]
			r.Class, r.To, r.Incarnation = sentExpected, id, pool
			if err := d.sent.write(r); err != nil {
				panic(err)
			}
		}
	}
	d.outcome(sentTold)
}

// members are the numbers of the members, as far as this process knows.
func (d *driver) members(ctx context.Context, ref actor.Ref[Crew]) (ids []uint32) {
	all, _ := actor.Members(ctx, ref)
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

// both is what is in a and in b.
func both(a, b []uint32) []uint32 {
	return slices.DeleteFunc(slices.Clone(a), func(id uint32) bool { return !slices.Contains(b, id) })
}

// send sends one message of some kind.
func (d *driver) send() {
	post := d.to[rand.IntN(len(d.to))]
	size := haulSizes[rand.IntN(len(haulSizes))]
	ctx, cancel := context.WithTimeout(d.ctx, time.Duration(1+rand.IntN(300))*time.Millisecond)
	defer cancel()
	switch n := rand.IntN(100); {
	case n < 45:
		_ = tellPost(d, ctx, post, func(k Key) Chit { return Chit{Badge: Badge{k}} })
	case n < 58:
		_ = tellPost(d, ctx, post, func(k Key) Crate {
			data := make([]byte, size)
			fillData(data, k)
			return Crate{Badge: Badge{k}, Data: data}
		})
	case n < 68:
		d.lend(ctx, post, size)
	case n < 76:
		k := d.next(post.Ref.ID, false)
		got, err := actor.Ask(ctx, post.Ref, Call{Badge: Badge{k}, Slow: rand.IntN(8) == 0})
		d.answered(post, err, got == k)
	case n < 81:
		k := d.next(post.Ref.ID, false)
		r, err := actor.Ask(ctx, post.Ref, Bring{Badge: Badge{k}, Size: size, Lent: rand.IntN(2) == 0})
		d.answered(post, err, len(r.Data)+r.Lent.Len() == size && checkData(r.Data, k) && (r.Lent.Len() == 0 || checkData(r.Lent.Bytes(), k)))
		r.Lent.Release()
	case n < 89:
		d.set(ctx, size)
	case n < 93:
		d.stream(ctx, post.Ref, 1+size*rand.IntN(8))
	case n < 97:
		d.one(ctx, post.Ref)
	case n < 98:
		if rand.IntN(8) == 0 && !post.Many {
			k := d.next(post.Ref.ID, false)
			d.told(actor.Tell(ctx, post.Ref, Mishap{Badge: Badge{k}, How: rand.IntN(3)}))
		}
	default:
		if d.sender == 0 && !post.Many {
			k := d.next(post.Ref.ID, false)
			d.told(actor.Tell(ctx, post.Ref, Tour{Badge: Badge{k}, To: d.to, N: rand.IntN(100)}))
		}
	}
}

// tellPost tells a pool or a group a message that make makes.
func tellPost[M actor.ToldTo[Crew]](d *driver, ctx context.Context, post Post, make func(Key) M) error {
	before := d.members(ctx, post.Ref)
	err := actor.Tell(ctx, post.Ref, make(d.next(post.Ref.ID, post.Many)))
	if post.Many {
		d.toldMany(map[uint32][]uint32{post.Ref.ID: both(before, d.members(ctx, post.Ref))}, err)
	} else {
		d.told(err)
	}
	return err
}

// answered enters the outcome of an ask. An ask of many is refused.
func (d *driver) answered(post Post, err error, whole bool) {
	switch {
	case post.Many && err != nil:
		d.outcome(sentRefused)
	case post.Many, err == nil && !whole:
		d.outcome(sentSpoilt)
	default:
		d.asked(err)
	}
}

// lend sends a lent buffer: to the member that Pick chooses, or to all.
func (d *driver) lend(ctx context.Context, post Post, size int) {
	if !post.Many {
		one, err := actor.Pick(ctx, post.Ref, rand.Uint64N(16))
		if err != nil {
			return
		}
		b, err := actor.Lend(ctx, one, size)
		if err != nil {
			return
		}
		defer b.Release()
		k := d.next(one.ID, false)
		fillData(b.Bytes(), k)
		d.told(actor.Tell(ctx, one, Skid{Badge: Badge{k}, Data: b}))
		return
	}
	b, err := actor.LendAll(ctx, []actor.Ref[Crew]{post.Ref}, size)
	if err != nil {
		return
	}
	defer b.Release()
	_ = tellPost(d, ctx, post, func(k Key) Skid {
		fillData(b.Bytes(), k)
		return Skid{Badge: Badge{k}, Data: b}
	})
}

// one sends a small message to the member that Pick chooses.
func (d *driver) one(ctx context.Context, ref actor.Ref[Crew]) {
	one, err := actor.Pick(ctx, ref, rand.Uint64N(16))
	if err != nil {
		return
	}
	k := d.next(one.ID, false)
	d.told(actor.Tell(ctx, one, Chit{Badge: Badge{k}}))
}

// set tells some members of pools, and some pools that broadcast, at once.
func (d *driver) set(ctx context.Context, size int) {
	var refs []actor.Ref[Crew]
	want := map[uint32][]uint32{}
	for _, i := range rand.Perm(len(d.to))[:1+rand.IntN(3)] {
		p := d.to[i]
		if p.Many {
			refs, want[p.Ref.ID] = append(refs, p.Ref), d.members(ctx, p.Ref)
			continue
		}
		one, err := actor.Pick(ctx, p.Ref, rand.Uint64N(16))
		if err != nil {
			continue
		}
		refs, want[0] = append(refs, one), append(want[0], one.ID)
	}
	if len(refs) == 0 {
		return
	}
	var k Key
	var err error
	if rand.IntN(2) == 0 {
		b, lendErr := actor.LendAll(ctx, refs, size)
		if lendErr != nil {
			return
		}
		defer b.Release()
		k = d.next(0, true)
		fillData(b.Bytes(), k)
		err = actor.TellAll(ctx, refs, Skid{Badge: Badge{k}, Data: b})
	} else {
		k = d.next(0, true)
		data := make([]byte, size)
		fillData(data, k)
		err = actor.TellAll(ctx, refs, Crate{Badge: Badge{k}, Data: data})
	}
	for pool := range want {
		if pool != 0 {
			want[pool] = both(want[pool], d.members(ctx, actor.Ref[Crew]{ID: pool}))
		}
	}
	d.toldMany(want, err)
}

// stream sends a stream, to one member. It is not empty: one that is ends with its first
// message, and is read again if its reader is killed with that in hand.
func (d *driver) stream(ctx context.Context, ref actor.Ref[Crew], size int) {
	k := d.next(ref.ID, false)
	w, err := actor.NewStream(ctx, ref, fmt.Sprint(d.id, " ", d.seq), int64(size), nil)
	if err != nil {
		d.outcome(sentUnsure)
		return
	}
	data := make([]byte, size)
	fillData(data, k)
	_, err = w.Write(data)
	d.asked(errors.Join(err, w.Close()))
}
