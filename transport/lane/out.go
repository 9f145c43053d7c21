package lane

import (
	"os"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Config says what a lane is made of.
type Config struct {
	Queue wire.Queue // form of the queue
	Cells int        // bytes of a ring's cells; a power of two

	// Priority makes a queue whose entries may be urgent; see Out.Urgent.
	Priority bool
}

// Out is the sending end of a lane.
type Out struct {
	bell   transport.Word  // of page
	there  transport.Sleep // where the receiver says that it sleeps; nowhere if there is no receiver
	isRing bool
	ring   ring.Sender // what Sender points to if isRing; else unused

	transport.Sender // Reserve, Next, MaxEntry; Commit is shadowed below

	page     *transport.SendPage
	mem      *segment.Memory
	kernel   *os.File       // the queue's descriptor for the receiver; nil for a ring
	ear      transport.File // by it the receiver wakes this process; nil if the notifier needs none
	notifier transport.Notifier
	peer     atomic.Pointer[Peer]
}

// Peer is the receive page of one incarnation of the receiver.
type Peer struct {
	Addr wire.Addr
	Page *transport.RecvPage
	mem  *segment.Memory
	bell *os.File // wakes the receiver; nil if its notifier needs none

	woken atomic.Uint64 // see transport.Sleep
}

// Create makes the sending end of a lane. The frame and the files are for the
// supervisor; the lane keeps the files.
func Create(cfg Config, to uint32, n transport.Notifier) (o *Out, f *wire.Open, files []transport.File, err error) {
	cells := cfg.Cells
	if cfg.Queue != wire.QueueRing {
		cells = 0
	} else if err := ring.Check(cells); err != nil {
		return nil, nil, nil, err
	}
	size := transport.SendPageHeader + cells
	mem, err := segment.Create("lane", size, segment.Options{Keepable: true})
	if err != nil {
		return nil, nil, nil, err
	}
	made := &Out{mem: mem, notifier: n, there: nowhere}
	o = made
	defer func() {
		if err != nil { // and o is nil
			made.abandon(cfg.Queue)
		}
	}()
	if o.page, err = transport.NewSendPage(mem.Bytes(), cells); err != nil {
		return nil, nil, nil, err
	}
	o.bell = o.page.Bell
	f = &wire.Open{To: to, Queue: cfg.Queue, Cells: uint32(cells), Size: uint32(size)}
	files = append(files, mem.File())
	if cfg.Queue == wire.QueueRing && !cfg.Priority {
		o.ring, o.isRing = *ring.NewSender(o.page), true
		o.Sender = &o.ring
	} else {
		form, err := FormOf(cfg.Queue)
		if err != nil {
			return nil, nil, nil, err
		}
		if o.Sender, o.kernel, err = form.create(o.page, cfg.Priority); err != nil {
			return nil, nil, nil, err
		}
		files = append(files, o.kernel)
	}
	if o.ear, err = n.NewFD(); err != nil {
		return nil, nil, nil, err
	}
	if o.ear != nil {
		f.Bell = 1
		files = append(files, o.ear)
	}
	return o, f, files, nil
}

// Sent is called when the supervisor has the files that Create returned. It closes
// those that were needed only for that.
func (o *Out) Sent() { _ = o.mem.CloseFile() }

// Urgent sets whether the entries reserved from now on are urgent. The lane must
// have been made with Config.Priority.
func (o *Out) Urgent(yes bool) {
	if p, ok := o.Sender.(transport.Prioritized); ok { // otherwise it was shut
		p.Urgent(yes)
	}
}

// nowhere is the Sleep of a receiver that never sleeps.
var nowhere = transport.Sleep{State: new(atomic.Uint32), Sleeps: new(atomic.Uint64)}

// Commit publishes the reserved entry and wakes the receiver if it sleeps.
// ErrFull leaves the entry reserved.
func (o *Out) Commit() error {
	if o.isRing {
		o.ring.Publish()
	} else if err := o.Sender.Commit(); err != nil {
		return err
	}
	o.Announce()
	return nil
}

// For a ring, in which Commit cannot fail, these steps do the same, and most of them
// are inlined:
//
//	b := Quick or Claim; write b; seen := Sleeps; Show; if Armed { Rouse(seen) }

// Quick is Claim for an entry for which there is known to be room. Otherwise it
// returns nil. n must be at most MaxEntry.
func (o *Out) Quick(n int) []byte { return o.ring.Quick(n) }

// Claim lends n bytes for the next entry of a ring. It returns nil when that is not
// possible: then Reserve says why.
func (o *Out) Claim(n int) []byte {
	if !o.isRing {
		return nil
	}
	b, err := o.ring.Reserve(n)
	if err != nil {
		return nil
	}
	return b
}

// Sleeps returns how often the receiver has gone to sleep. It is called before Show.
func (o *Out) Sleeps() uint64 { return o.there.Sleeps.Load() }

// Show publishes what Quick or Claim has lent, and changes the bell.
func (o *Out) Show() {
	o.ring.Show()
	o.bell.Add(1)
}

// Armed reports whether the receiver sleeps or is about to.
func (o *Out) Armed() bool { return o.there.State.Load()&transport.StateArmed != 0 }

// Rouse wakes the receiver, unless it has been woken from this sleep already. seen is
// what Sleeps returned before Show.
func (o *Out) Rouse(seen uint64) {
	if p := o.peer.Load(); p != nil && p.Page.MustWake(seen, &p.woken) {
		o.wake(p)
	}
}

// Announce changes the bell, and wakes the receiver if it sleeps. It may be
// called by any goroutine.
func (o *Out) Announce() {
	if p := o.rung(); p != nil {
		o.wake(p)
	}
}

// rung changes the bell and returns the receiver if it has to be woken, else nil.
func (o *Out) rung() *Peer {
	var sleeps uint64
	before := o.peer.Load()
	if before != nil {
		sleeps = before.Page.Sleeps.Load()
	}
	o.page.Bell.Add(1)
	// The peer is loaded again after the stores above: Install, which may have
	// run in between, wakes the receiver only once, perhaps too early for them.
	if p := o.peer.Load(); p != nil && (p != before || p.Page.MustWake(sleeps, &p.woken)) {
		return p
	}
	return nil
}

func (o *Out) wake(p *Peer) {
	fd := -1
	if p.bell != nil {
		fd = int(p.bell.Fd())
	}
	o.page.Rang.Store(notify.CPU())
	// A wake fails only if the receiver is gone, and the supervisor announces
	// its death to everyone.
	_ = o.notifier.Wake(o.page.Bell, fd)
}

// OpenPeer maps the page of a receiver. It takes ownership of files.
func OpenPeer(f *wire.Page, files []transport.File) (*Peer, error) {
	p := &Peer{Addr: f.Peer}
	if f.Bell == 1 {
		p.bell = files[1].(*os.File)
		if err := notify.Check(p.bell); err != nil {
			sys.Briefly(func() { files[0].Close() })
			p.Close()
			return nil, err
		}
	}
	mem, err := segment.Open(files[0], transport.RecvPageBytes)
	if err != nil {
		p.Close()
		return nil, err
	}
	p.mem = mem
	_ = mem.CloseFile() // the mapping is all that is needed
	if p.Page, err = transport.OpenRecvPage(mem.Bytes()); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close unmaps the page and closes the wake-up descriptor.
func (p *Peer) Close() {
	if p.mem != nil {
		p.mem.Close()
	}
	if p.bell != nil {
		sys.Briefly(func() { p.bell.Close() }) // if it was refused, it may be anything
	}
}

// Install makes p the receiver's page. start is the first sequence that the receiver
// will handle. Install wakes the receiver whatever its state, since it may have gone
// to sleep after it made the page. It returns the page that was there before, which
// the caller closes when nothing of it is in use any more.
func (o *Out) Install(p *Peer, start uint64) (old *Peer) {
	if r, ok := o.Sender.(interface {
		SetHead(*atomic.Uint64, uint64)
	}); ok {
		r.SetHead(p.Page.Head, start)
	}
	old = o.peer.Swap(p)
	o.there = p.Page.Sleep
	o.page.Bell.Add(1)
	o.wake(p)
	return old
}

// Shut makes every further Reserve and Commit fail with transport.ErrClosed: the
// receiver has ended for good. The caller holds the lock under which it calls those.
func (o *Out) Shut() {
	o.ring.Bar()
	o.isRing, o.Sender = false, shut{o.Sender}
}

// shut is the sending half of a queue that nobody will read any more.
type shut struct{ transport.Sender }

func (shut) Reserve(int) ([]byte, error) { return nil, transport.ErrClosed }
func (shut) Commit() error               { return transport.ErrClosed }

// Room fails with transport.ErrFull if the Commit of the reserved entry would. It is
// called before a step that must precede the entry and cannot be undone.
func (o *Out) Room() error {
	if r, ok := o.Sender.(interface{ Room() error }); ok {
		return r.Room()
	}
	return nil // what a ring has reserved always fits
}

// Peer returns the page that is installed now, or nil. It may be called by any
// goroutine.
func (o *Out) Peer() *Peer { return o.peer.Load() }

// Handled returns how far the receiver has dealt with the entries, according to its
// own page.
func (o *Out) Handled() (at transport.Place) {
	at.Seq = o.page.Tail.Load() - o.Unhandled()
	if p := o.peer.Load(); p != nil && !o.isRing {
		at.Urgent = min(p.Page.Urgent.Load(), at.Seq)
	}
	return at
}

// Unhandled returns how many sequences the receiver has not dealt with, according to
// its own page.
func (o *Out) Unhandled() uint64 {
	const mask = 1<<48 - 1 // of an in-flight word's sequence
	tail := o.page.Tail.Load()
	if p := o.peer.Load(); p != nil {
		tail -= transport.InFlight(p.Page.InFlight.Load()).Seq()
	}
	return tail & mask
}

// Load returns how much of what was sent the receiver has not dealt with: Unhandled
// without the padding of a ring.
func (o *Out) Load() uint64 {
	n := o.Unhandled()
	if o.isRing {
		n = o.ring.Unread(n)
	}
	return n
}

// Sleep returns where this process tells the receiver that it sleeps or waits for
// room.
func (o *Out) Sleep() transport.Sleep { return o.page.Sleep }

// Returns returns the ring by which this process gives back the blocks of replies.
func (o *Out) Returns() transport.Returns { return o.page.Returns }

// Cancel tells the receiver that the ask in slot has been given up. It may be
// called by any goroutine.
func (o *Out) Cancel(slot int, ask uint64) {
	o.page.Cancel[slot].Store(ask)
	o.Announce()
}

// Took tells the receiver that the lent buffers of the answer to ask were taken.
// The caller makes sure that the lane is still mapped.
func (o *Out) Took(ask uint64) {
	o.page.Took[ask%transport.ReplySlots].Store(uint32(ask / transport.ReplySlots))
}

// Detach makes the lane forget the receiver's page, which stays mapped.
func (o *Out) Detach() {
	o.there = nowhere
	o.peer.Store(nil)
}

// abandon ends a lane that no other process knows yet.
func (o *Out) abandon(q wire.Queue) {
	if form, err := FormOf(q); err == nil && o.kernel != nil {
		_ = form.Remove(o.kernel) // Sweep removes what is left
	}
	o.Close()
}

// Close unmaps the lane and closes its descriptors. What was committed stays
// for the receiver.
func (o *Out) Close() {
	o.there = nowhere
	if p := o.peer.Swap(nil); p != nil {
		p.Close()
	}
	if o.Sender != nil {
		o.Sender.Close()
	}
	if o.kernel != nil {
		o.kernel.Close()
	}
	if o.ear != nil {
		o.ear.Close()
	}
	o.mem.Close()
}
