package main

import (
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/understudy-go/understudy/actor"
)

// receiver is the actor at the far end of every workload.
var receiver = actor.Define("receiver", func(s *actor.Setup[Receiver]) error {
	l := &ledger{}
	actor.OnTell(s, func(c *actor.Context, m Ping) error {
		return actor.Tell(c, m.Back, Pong{Head: m.Head})
	})
	actor.OnTell(s, func(c *actor.Context, m Data) error {
		l.take(m.Head)
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Check) (Reply, error) {
		l.take(m.Head)
		return Reply{Head: m.Head}, nil
	})
	actor.OnTell(s, func(c *actor.Context, m Order) error {
		l.takeOrder(m.Head, m.Name, m.Parts)
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Question) (Answer, error) {
		l.takeOrder(m.Head, m.Name, m.Parts)
		return Answer{Head: m.Head, Name: m.Name, Parts: m.Parts}, nil
	})
	actor.OnTell(s, func(c *actor.Context, m Blob) error {
		l.takeBytes(m.Data.Bytes(), true)
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m BlobCheck) (Reply, error) {
		return Reply{Head: l.takeBytes(m.Data.Bytes(), m.Pages)}, nil
	})
	actor.OnTell(s, func(c *actor.Context, m Plain) error {
		l.takeBytes(m.Data, true)
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m PlainCheck) (Reply, error) {
		return Reply{Head: l.takeBytes(m.Data, true)}, nil
	})
	actor.OnTell(s, func(c *actor.Context, m Viewed) error {
		l.takeBytes(m.Data, true)
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m ViewedCheck) (Reply, error) {
		return Reply{Head: l.takeBytes(m.Data, true)}, nil
	})
	actor.OnTell(s, func(c *actor.Context, m Poll) error {
		actor.SetPolling(m.On)
		return nil
	})
	pours(s)
	actor.OnAsk(s, func(c *actor.Context, m Usage) (uint64, error) { return mallocs(), nil })
	return nil
})

// mallocs is how many objects this process has allocated so far.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// ledger checks that nothing is lost, duplicated or out of order. On a mistake the
// receiver panics, which ends the run as failed: an error would make a dead letter of
// each of the millions of messages that follow.
type ledger struct {
	next [16]uint64 // by sender
	sum  uint64     // of what was read by readLines
}

func (l *ledger) take(h Head) {
	switch h.Op {
	case opEcho:
		return
	case opReset:
		l.next[h.From&15] = h.Seq
		return
	}
	if want := l.next[h.From&15]; h.Seq != want {
		panic(fmt.Sprintf("sender %d: got message %d, expected %d", h.From, h.Seq, want))
	}
	l.next[h.From&15]++
}

func (l *ledger) takeOrder(h Head, name string, parts []uint32) {
	if len(name) != len(orderName) || len(parts) != len(orderParts) || parts[len(parts)-1] != orderParts[len(parts)-1] {
		panic(fmt.Sprintf("sender %d: message %d has %q and %v", h.From, h.Seq, name, parts))
	}
	l.take(h)
}

// takeBytes reads one word of each page of the payload, in place.
func (l *ledger) takeBytes(b []byte, pages bool) Head {
	h := getHead(b)
	if int(h.Size) != len(b) {
		panic(fmt.Sprintf("sender %d: message %d has %d bytes, expected %d", h.From, h.Seq, len(b), h.Size))
	}
	l.take(h)
	if h.Op == opRead {
		l.readLines(b)
	}
	for off := pageSize; pages && off < len(b); off += pageSize {
		if v := binary.LittleEndian.Uint64(b[off:]); v != h.Seq {
			panic(fmt.Sprintf("sender %d: message %d has %d at offset %d", h.From, h.Seq, v, off))
		}
	}
	return h
}

// readLines reads one word of each line, which costs as much as reading everything.
func (l *ledger) readLines(b []byte) {
	for ; len(b) >= 2*lineSize; b = b[2*lineSize:] {
		l.sum += binary.LittleEndian.Uint64(b) + binary.LittleEndian.Uint64(b[lineSize:])
	}
}

func putHead(b []byte, h Head) {
	_ = b[15]
	le := binary.LittleEndian
	le.PutUint64(b, h.Seq)
	le.PutUint16(b[8:], h.Op)
	le.PutUint16(b[10:], h.From)
	le.PutUint32(b[12:], h.Size)
}

func getHead(b []byte) Head {
	_ = b[15]
	le := binary.LittleEndian
	return Head{Seq: le.Uint64(b), Op: le.Uint16(b[8:]), From: le.Uint16(b[10:]), Size: le.Uint32(b[12:])}
}
