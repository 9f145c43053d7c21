package transport

import "sync/atomic"

// The layout of the two pages of a lane, in bytes from the page's start.
// PROTOCOL.md describes them; the golden test compares the two. Words that
// different events change have lines of their own, of 128 bytes, because
// processors fetch cache lines in pairs.
const (
	// magic opens every page: "UNDRSTDY" read as little-endian.
	magic   = 0x59445453_52444e55
	version = 1

	kindSend = 1
	kindRecv = 2

	// Both pages.
	offMagic   = 0  // u64
	offVersion = 8  // u32
	offKind    = 12 // u32
	offCells   = 16 // u64 bytes of cells (send page), 0 (receive page)

	// Send page: what the sending process writes.
	sendTail    = 128 // u64 sequence after the last visible entry
	sendBell    = 136 // u32 count of publications; shares the tail's line on purpose
	sendState   = 256 // u32 State* bits of the sending process
	sendSleeps  = 264 // u64 count of its sleeps; shares the state's line on purpose
	sendRang    = 272 // u32 see Rang
	sendRetTail = 384 // u64 count of returned reply blocks
	sendReturns = 512 // ReturnEntries * u64
	sendCancel  = sendReturns + ReturnEntries*8
	sendTook    = sendCancel + ReplySlots*8
	sendCells   = 12288 // cells begin here, page aligned

	// Receive page: what the receiving process writes.
	recvHead      = 128                           // u64 sequence up to which room is free again
	recvNormal    = 136                           // u64 count of entries dealt with that are not urgent (kernel queues)
	recvUrgent    = 144                           // u64 count of entries dealt with that are urgent (kernel queues)
	recvInFlight  = 256                           // u64 see InFlight
	recvReplyTail = 384                           // u64 count of replies
	recvBell      = 392                           // u32 count of events for the sender; shares the reply tail's line on purpose
	recvState     = 512                           // u32 State* bits of the receiving process
	recvSleeps    = 520                           // u64 count of its sleeps; shares the state's line on purpose
	recvRang      = 528                           // u32 see Rang
	recvRetTail   = 640                           // u64 count of returned blocks
	recvReturns   = 768                           // ReturnEntries * u64
	recvReplies   = recvReturns + ReturnEntries*8 // ReplySlots * u32: ring of slot numbers
	recvTaken     = 12288                         // TakenBytes, one page of memory: where an entry of a kernel queue is read to
	recvSlots     = recvTaken + TakenBytes        // ReplySlots * ReplySlotBytes
)

// Specification constants: both sides must agree on them, so they change only
// together with version.
const (
	ReturnEntries  = 1024 // blocks that one side can have lent on a lane at a time
	ReplySlots     = 256  // asks that can be outstanding on a lane
	ReplySlotBytes = 1024 // header and inline payload of a reply
	TakenBytes     = 4096 // room for the message taken last from a kernel queue

	SendPageHeader = sendCells                             // bytes of a send page before its cells
	RecvPageBytes  = recvSlots + ReplySlots*ReplySlotBytes // bytes of a receive page
)

// Bits of the state word.
const (
	StateArmed    = 1 << iota // the process sleeps or is about to: whoever changes a bell must wake it
	StateWantRoom             // a goroutine waits for room or for a block: tell it when some becomes free
	StateHurry                // it has waited for long: give room back after each message, not in batches
)

// Word is a 32-bit word of a page: a bell or a state.
type Word = *atomic.Uint32

// Sleep is where a process tells one peer whether it sleeps.
type Sleep struct {
	State  Word           // State* bits
	Sleeps *atomic.Uint64 // how often StateArmed was set
}

// Arm announces that this process is going to sleep. After that the process must
// look at all bells once more.
func (s Sleep) Arm() {
	s.Sleeps.Add(1)
	s.State.Or(StateArmed)
}

// Disarm undoes Arm.
func (s Sleep) Disarm() { s.State.And(^uint32(StateArmed)) }

// MustWake reports whether the caller, who has changed a bell, has to wake the
// process. One wake per sleep is enough, but the sleeper may take long to report
// that it is awake; so woken holds the number of the sleep that was ended last.
// before is the value of Sleeps before the bell was changed. If Sleeps has
// changed since, the sleeper may have seen the change before it went to sleep
// this time: a wake for that change may come too early for this sleep, and does
// not count as its end.
func (s Sleep) MustWake(before uint64, woken *atomic.Uint64) bool {
	return s.State.Load()&StateArmed != 0 && s.unwoken(before, woken)
}

// unwoken is separate so that MustWake can be inlined.
func (s Sleep) unwoken(before uint64, woken *atomic.Uint64) bool {
	return s.Sleeps.Load() != before || woken.Swap(before) != before
}

// SendPage is the page that the sending process of a lane writes and the
// receiving process reads.
type SendPage struct {
	Tail *atomic.Uint64
	Bell Word
	Rang Word // on which processor this process last woke the other: its number plus one; 0: unknown
	Sleep
	Returns Returns         // blocks of the receiver's replies, given back
	Cancel  []atomic.Uint64 // by slot: the last ask that was given up
	Took    []atomic.Uint32 // by slot: the last ask (divided by ReplySlots) whose answer's lent buffers were taken
	Cells   []byte          // the ring's memory; empty for queues that live in the kernel
	mem     []byte
}

// RecvPage is the page that one incarnation of the receiving process writes
// and the sending process reads.
type RecvPage struct {
	Head      *atomic.Uint64
	Normal    *atomic.Uint64 // count of entries dealt with that are not urgent (kernel queues)
	Urgent    *atomic.Uint64 // count of entries dealt with that are urgent (kernel queues)
	InFlight  *atomic.Uint64
	ReplyTail *atomic.Uint64
	Bell      Word
	Rang      Word // as in SendPage
	Sleep
	Returns Returns         // blocks of the sender, given back
	Replies []atomic.Uint32 // ring of slot numbers, indexed by ReplyTail
	Taken   []byte          // where an entry of a kernel queue is read to
	Slots   []byte          // ReplySlots slots of ReplySlotBytes
	mem     []byte
}

// Returns is the ring by which the user of blocks gives them back to their
// owner. It never overflows: it has as many entries as the owner has blocks.
type Returns struct {
	Tail    *atomic.Uint64  // entries ever written
	Entries []atomic.Uint64 // PackReturn values
	State   Word            // State* bits of the user of the blocks, which gives nothing back while it sleeps; nil when unknown
}

// PackReturn returns the return entry of a block: 16 bits of segment, 16 bits of
// block and 32 bits of generation.
func PackReturn(segment, block uint16, generation uint32) uint64 {
	return uint64(segment)<<48 | uint64(block)<<32 | uint64(generation)
}

// UnpackReturn undoes PackReturn.
func UnpackReturn(v uint64) (segment, block uint16, generation uint32) {
	return uint16(v >> 48), uint16(v >> 32), uint32(v)
}

// Slot returns reply slot i.
func (p *RecvPage) Slot(i int) []byte {
	return p.Slots[i*ReplySlotBytes : (i+1)*ReplySlotBytes : (i+1)*ReplySlotBytes]
}

// The states of an in-flight word.
const (
	HandNone = 0 // no entry was taken since the page was made
	HandIn   = 1 // the handler has been called and has not returned
	HandDone = 2 // everything before the sequence has been dealt with
)

// InFlight is the word that says which message is in hand: 48 bits of
// sequence, 8 bits of attempt, 8 bits of state. With HandIn the sequence is
// that of the message, with HandDone that of the next one.
type InFlight uint64

// PackInFlight returns an in-flight word.
func PackInFlight(seq uint64, attempt, state uint8) InFlight {
	return InFlight(seq<<16 | uint64(attempt)<<8 | uint64(state))
}

// Seq returns the 48-bit sequence.
func (w InFlight) Seq() uint64 { return uint64(w) >> 16 }

// Attempt returns how many earlier incarnations died with this message in hand.
func (w InFlight) Attempt() uint8 { return uint8(w >> 8) }

// State returns one of the Hand constants.
func (w InFlight) State() uint8 { return uint8(w) }
