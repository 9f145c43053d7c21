package lane

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// In is the receiving end of a lane, for one incarnation of the receiver.
type In struct {
	transport.Receiver                // Done and Release are shadowed below; Take stands for its Next
	ring               *ring.Receiver // the same queue, if it is a ring; else nil

	From wire.Addr // the sender

	send     *transport.SendPage // the sender's, read-only here
	page     *transport.RecvPage // written here
	mems     []*segment.Memory
	kernel   *os.File       // its descriptor
	bell     *os.File       // wakes the sender; nil if the notifier needs none
	ear      transport.File // by it the sender wakes this process; nil if the notifier needs none
	notifier transport.Notifier
	start    uint64
	attempt  uint8
	woken    atomic.Uint64 // the sender's sleep that was ended last
	idle     bool          // the in-flight word says that nothing is in hand
	read     uint64        // of a queue in the kernel: the sequence after the entry that was lent last
}

// ErrOwn is wrapped by an error of Accept for which this process, not the sender, is
// to blame: it cannot make its page or its wake-up descriptor.
var ErrOwn = errors.New("lane: this process cannot make its side")

// Accept opens the lane that f announces and makes the page of this
// incarnation. It takes ownership of files. The returned frame and files are for
// the supervisor; the lane keeps these files.
func Accept(f *wire.Lane, files []transport.File, n transport.Notifier) (in *In, page *wire.Page, out []transport.File, err error) {
	made := &In{From: f.From, notifier: n, start: f.Start, attempt: f.Attempt, idle: true, read: f.Start}
	in = made
	defer func() {
		if err != nil { // and in is nil
			made.Close()
		}
	}()
	if err := in.open(f, files); err != nil {
		return nil, nil, nil, err
	}
	mem, err := segment.Create("page", transport.RecvPageBytes, segment.Options{Keepable: true})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrOwn, err)
	}
	in.mems = append(in.mems, mem)
	if in.page, err = transport.NewRecvPage(mem.Bytes()); err != nil {
		return nil, nil, nil, err
	}
	in.page.InFlight.Store(uint64(transport.PackInFlight(f.Start, 0, transport.HandNone)))
	if err := in.receiver(f); err != nil {
		return nil, nil, nil, err
	}
	page = &wire.Page{Peer: f.From, Size: transport.RecvPageBytes, Start: f.Start}
	out = append(out, mem.File())
	if in.ear, err = n.NewFD(); err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrOwn, err)
	}
	if in.ear != nil {
		page.Bell = 1
		out = append(out, in.ear)
	}
	return in, page, out, nil
}

// open maps the sender's page and keeps the other files.
func (in *In) open(f *wire.Lane, files []transport.File) error {
	rest := files[1:]
	refuse := func(err error) error { sys.Briefly(func() { files[0].Close() }); return err }
	if f.Queue != wire.QueueRing {
		in.kernel, rest = rest[0].(*os.File), rest[1:]
	}
	if f.Bell == 1 {
		in.bell = rest[0].(*os.File)
		if err := notify.Check(in.bell); err != nil {
			return refuse(err)
		}
	}
	cells := int(f.Cells)
	if f.Queue == wire.QueueRing {
		if err := ring.Check(cells); err != nil {
			return refuse(err)
		}
	} else if cells != 0 {
		return refuse(&transport.CorruptError{What: "cells of a queue without cells", Value: uint64(cells)})
	}
	mem, err := segment.Open(files[0], transport.SendPageHeader+cells)
	if err != nil {
		return err
	}
	in.mems = append(in.mems, mem)
	_ = mem.CloseFile() // the mapping is all that is needed
	in.send, err = transport.OpenSendPage(mem.Bytes(), cells)
	return err
}

// Sent is called when the supervisor has the files that Accept returned. It closes
// those that were needed only for that.
func (in *In) Sent() { _ = in.mems[len(in.mems)-1].CloseFile() }

// receiver opens the receiving end of the queue.
func (in *In) receiver(f *wire.Lane) error {
	if f.Queue == wire.QueueRing {
		in.ring = ring.NewReceiver(in.send, in.page.Head, f.Start)
		in.Receiver = in.ring
		return nil
	}
	form, err := FormOf(f.Queue)
	if err != nil {
		return err
	}
	in.Receiver, err = form.Receiver(in.kernel, in.page, transport.Place{Seq: f.Start, Urgent: f.Urgent, Carry: f.Carry, CarryUrgent: f.CarryUrgent == 1})
	return err
}

// Take lends the oldest entry that has not been lent yet, as Next of
// transport.Receiver does, and stores it in e.
func (in *In) Take(e *transport.Entry) (err error) {
	if in.ring != nil {
		return in.ring.Take(e)
	}
	// Read before the queue: an entry is in the queue before it is in the tail.
	tail := in.send.Tail.Load()
	switch *e, err = in.Receiver.Next(); {
	case err == nil:
		in.read = e.End
	case err == transport.ErrEmpty && in.ahead(tail):
		// Or somebody who may do so has removed the queue: its keeper does not, as long
		// as it is read.
		return &transport.CorruptError{What: "tail of an empty queue", Value: tail, Limit: in.read}
	}
	return err
}

// ahead reports whether the tail of a queue in the kernel counts entries that were not
// lent. The tail may also be behind: an entry can be taken before its sender has
// stored the tail.
func (in *In) ahead(tail uint64) bool { return int64(tail-in.read) > 0 }

// Ring returns the lane's queue if it is a ring, for callers that read many entries
// in a row; else nil.
func (in *In) Ring() *ring.Receiver { return in.ring }

// More reports whether Take would lend an entry without reading the sender's words.
func (in *In) More() bool { return in.ring != nil && in.ring.More() }

// Left returns about how many bytes of entries are known to be there and were not lent.
func (in *In) Left() int {
	if in.ring != nil {
		return in.ring.Left()
	}
	return 0
}

// Done marks the entry lent last as dealt with.
func (in *In) Done() {
	if in.ring != nil {
		in.ring.Done()
	} else {
		in.Receiver.Done()
	}
}

// Pending reports whether the sender has published something that was not lent.
// After the sender's death only Take can tell.
func (in *In) Pending() bool {
	if in.ring != nil {
		return in.ring.Pending()
	}
	return in.ahead(in.send.Tail.Load())
}

// Expect prefetches the next entry; a caller that polls with Pending calls it each
// time. See Expect of package ring.
func (in *In) Expect() {
	if in.ring != nil {
		in.ring.Expect()
	}
}

// Published returns the sequence after the last entry that the sender has published.
func (in *In) Published() uint64 { return in.send.Tail.Load() }

// ReadTo returns the sequence after the entry that was lent last.
func (in *In) ReadTo() uint64 {
	if in.ring != nil {
		return in.ring.ReadTo()
	}
	return in.read
}

// Unreleased returns how many bytes are done but not yet free for the sender.
func (in *In) Unreleased() int {
	if in.ring != nil {
		return in.ring.Unreleased()
	}
	return 1 << 30 // of a queue in the kernel each entry is released at once: a batch would gain nothing
}

// Begin records that the handler is about to get the entry of sequence seq.
func (in *In) Begin(seq uint64) {
	attempt := uint8(0)
	if seq == in.start {
		attempt = in.attempt
	}
	cpu.StoreRelease64(in.page.InFlight, uint64(transport.PackInFlight(seq, attempt, transport.HandIn)))
	in.idle = false
	fault.Hit("lane.in-hand")
}

// Attempt returns how many earlier incarnations died with the entry of sequence seq in hand.
func (in *In) Attempt(seq uint64) int {
	if seq == in.start {
		return int(in.attempt)
	}
	return 0
}

// End records that everything before seq has been dealt with. While entries follow
// each other, End can be left out: the next Begin implies it.
func (in *In) End(seq uint64) {
	if !in.idle {
		cpu.StoreRelease64(in.page.InFlight, uint64(transport.PackInFlight(seq, 0, transport.HandDone)))
		in.idle = true
	}
}

// Release gives the room of what is done back to the sender. A sender that waits for
// room in a ring is told only when half of the ring is free, since one woken for less
// would soon sleep again. That moment comes once enough of the unread entries are
// dealt with; a sender that cannot wait for it sets transport.StateHurry.
func (in *In) Release() {
	in.Receiver.Release()
	if in.ring == nil || in.Hurried() || in.ring.Roomy() {
		in.Returned()
	}
}

// Hurried reports whether the sender has waited for room for long.
func (in *In) Hurried() bool { return in.send.State.Load()&transport.StateHurry != 0 }

// Wanted reports whether the sender waits for room or for a block.
func (in *In) Wanted() bool { return in.send.State.Load()&transport.StateWantRoom != 0 }

// Returned tells a sender that waits for room or for a block to look again.
// It may be called by any goroutine.
func (in *In) Returned() {
	if in.Wanted() {
		in.announce()
	}
}

// SenderAwake reports whether the sender neither sleeps nor is about to.
func (in *In) SenderAwake() bool { return in.send.State.Load()&transport.StateArmed == 0 }

// Rang tells on which processor the sender last woke this process: see transport.SendPage.
func (in *In) Rang() uint32 { return in.send.Rang.Load() }

// announce changes the bell, and wakes the sender if it sleeps.
func (in *In) announce() {
	sleeps := in.send.Sleeps.Load()
	in.page.Bell.Add(1)
	if in.send.MustWake(sleeps, &in.woken) {
		fd := -1
		if in.bell != nil {
			fd = int(in.bell.Fd())
		}
		in.page.Rang.Store(notify.CPU())
		_ = in.notifier.Wake(in.page.Bell, fd) // see Out.wake
	}
}

// Slot returns the memory of reply slot i after its header.
func (in *In) Slot(i int) []byte { return in.page.Slot(i)[replyHeader:] }

// Reply publishes the n bytes that were written to the slot as the reply to
// ask, and wakes the asker if it sleeps.
func (in *In) Reply(slot int, ask uint64, n int) {
	words := in.page.Slot(slot)
	cpu.StoreRelease64(transport.Word64(words, 8), uint64(n))
	cpu.StoreRelease64(transport.Word64(words, 0), ask)
	t := in.page.ReplyTail.Load()
	cpu.StoreRelease32(&in.page.Replies[t%transport.ReplySlots], uint32(slot))
	fault.Hit("lane.reply")
	cpu.StoreRelease64(in.page.ReplyTail, t+1)
	in.announce()
}

// Over reports whether ask, or a later one in its slot, was given up: then the asker
// no longer looks for an answer to ask. It may be called by any goroutine.
func (in *In) Over(ask uint64) bool { return in.send.Cancel[ask%transport.ReplySlots].Load() >= ask }

// Took reports whether the asker has taken the lent buffers of the answer to ask. The
// answer is final once a later ask of the slot has come, or ask is Over.
func (in *In) Took(ask uint64) bool {
	return in.send.Took[ask%transport.ReplySlots].Load() == uint32(ask/transport.ReplySlots)
}

// Bell returns the sender's bell.
func (in *In) Bell() transport.Word { return in.send.Bell }

// Sleep returns where this process tells the sender that it sleeps or waits for a
// block.
func (in *In) Sleep() transport.Sleep { return in.page.Sleep }

// Returns returns the ring by which this process gives back the blocks of messages.
func (in *In) Returns() transport.Returns { return in.page.Returns }

// SenderReturns returns the ring by which the sender gives back the blocks of replies.
func (in *In) SenderReturns() transport.Returns { return in.send.Returns }

// Close unmaps the lane and closes its descriptors. No memory of it may be in
// use.
func (in *In) Close() {
	if in.Receiver != nil {
		in.Receiver.Close()
	}
	for _, m := range in.mems {
		m.Close()
	}
	for _, f := range []*os.File{in.kernel, in.bell} {
		if f != nil {
			sys.Briefly(func() { f.Close() }) // if it was refused, it may be anything
		}
	}
	if in.ear != nil {
		in.ear.Close()
	}
}
