package supervisor_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// recordBytes divides a page: of a write that crosses one, SIGKILL can leave the
// first part.
const recordBytes = 32

// record is an entry of a ledger.
type record struct {
	From        uint64 // who has sent it
	Seq         uint32 // its number there
	To          uint32 // ID of the actor
	Sender      uint32 // ID of the actor that has sent it, or the process that has handled it
	Incarnation uint32
	Class       byte
	Attempt     uint8
}

// Classes of records: of those about what was sent, and about what was handled.
const (
	sentIntended = iota
	sentTold     // it is in the mailbox
	sentAnswered // it was handled
	sentRefused  // it is in no mailbox
	sentUnsure   // it may have been handled
	sentSpoilt   // the answer was wrong

	handledWhole
	handledStream // beside other messages
	handledSpoilt
)

type journal struct{ *os.File }

func openJournal(dir, name string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return &journal{f}, err
}

func (l *journal) write(r record) error {
	b := make([]byte, 0, recordBytes)
	b = binary.LittleEndian.AppendUint64(b, r.From)
	for _, w := range []uint32{r.Seq, r.To, r.Sender, r.Incarnation} {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	_, err := l.Write(append(b, r.Class, r.Attempt)[:recordBytes])
	return err
}

func readRecord(b []byte) record {
	u := binary.LittleEndian.Uint32
	return record{binary.LittleEndian.Uint64(b), u(b[8:]), u(b[12:]), u(b[16:]), u(b[20:]), b[24], b[25]}
}

// outgoing enters what one goroutine sends.
type outgoing struct {
	id       uint64
	sender   uint32 // ID of its actor; 0 for the root
	seq      uint32
	sent     *journal
	intended []record
}

func newOutgoing(dir string, sender uint32) outgoing {
	sent, err := openJournal(dir, "sent")
	if err != nil {
		panic(err)
	}
	return outgoing{id: rand.Uint64(), sender: sender, sent: sent}
}

func (o *outgoing) close() { _ = o.sent.Close() }

// intend enters that the next message is about to be sent to these actors.
func (o *outgoing) intend(attempt uint8, to ...uint32) Key {
	o.seq++
	o.intended = o.intended[:0]
	for _, id := range to {
		o.intended = append(o.intended, record{From: o.id, Seq: o.seq, To: id, Sender: o.sender, Attempt: attempt})
	}
	o.outcome(sentIntended)
	return makeKey(o.id, o.seq)
}

// outcome enters what has become of the message; nothing is left to do if that fails.
func (o *outgoing) outcome(class byte) {
	for _, r := range o.intended {
		r.Class = class
		if err := o.sent.write(r); err != nil {
			panic(err)
		}
	}
}

func (o *outgoing) told(err error) {
	if err == nil {
		o.outcome(sentTold)
	} else {
		o.outcome(sentRefused)
	}
}

func (o *outgoing) asked(err error) {
	if err == nil {
		o.outcome(sentAnswered)
	} else {
		o.outcome(sentUnsure)
	}
}

// way is from one actor to another, by ID.
type way struct{ From, To uint32 }

// load is a message for one actor.
type load struct {
	Key Key
	To  uint32
}

func (l load) String() string { return fmt.Sprintf("%x/%d to %d", l.Key.from(), l.Key.seq(), l.To) }

type sending struct {
	from    uint32
	outcome byte
}

type handling struct {
	record
	at int // in the order of the ledger
}

// books are what the ledgers say.
type books struct {
	sent    map[load]sending
	handled map[load][]handling
	order   []record
}

func (b *books) sending(r record) {
	b.sent[load{makeKey(r.From, r.Seq), r.To}] = sending{r.Sender, r.Class}
}

func (b *books) handling(r record) {
	l := load{makeKey(r.From, r.Seq), r.To}
	b.handled[l] = append(b.handled[l], handling{r, len(b.order)})
	b.order = append(b.order, r)
}

// wrong is what should not have been handled, or is a letter and should not be.
func (b *books) wrong(letters map[load]int) (wrong []string) {
	type lane struct {
		from uint64
		to   uint32
	}
	last := map[lane]record{}
	for _, r := range b.order {
		if r.Class == handledSpoilt {
			wrong = append(wrong, fmt.Sprintf("spoilt: %+v", r))
		}
		if r.Class != handledWhole {
			continue
		}
		l := last[lane{r.From, r.To}]
		if r.Seq < l.Seq || r.Seq == l.Seq && (r.Attempt <= l.Attempt || r.Incarnation <= l.Incarnation) {
			wrong = append(wrong, fmt.Sprintf("%+v after %+v", r, l))
		}
		last[lane{r.From, r.To}] = r
	}
	for l, h := range b.handled {
		switch s, ok := b.sent[l]; {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%v was handled, and nobody has sent it", l))
		case s.outcome == sentRefused:
			wrong = append(wrong, fmt.Sprintf("%v was handled, and its sender was told that it was not sent: %+v", l, h))
		case len(h) > 1 && h[0].Class == handledStream:
			wrong = append(wrong, fmt.Sprintf("a stream that was read twice: %+v", h))
		}
	}
	for l, s := range b.sent {
		switch {
		case s.outcome == sentAnswered && len(b.handled[l]) == 0:
			wrong = append(wrong, fmt.Sprintf("%v was answered, and nobody has handled it", l))
		case s.outcome == sentSpoilt:
			wrong = append(wrong, fmt.Sprintf("%v was answered with something else", l))
		}
	}
	for l, n := range letters {
		if s, ok := b.sent[l]; n > 1 || !ok || s.outcome == sentRefused || s.outcome == sentAnswered {
			wrong = append(wrong, fmt.Sprintf("%v is %d letters; it was sent: %v, %+v", l, n, ok, s))
		}
	}
	return wrong
}
