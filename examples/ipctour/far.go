package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/transport/shared"
)

// Far is the protocol of the actor in the other process.
type Far struct{}

type (
	// Note is a small message, told.
	Note struct {
		actor.Tells[Far]
		Seq uint64
		Pad [56]byte
	}
	// Echo is a small message that is answered with its number.
	Echo struct {
		actor.Asks[Far, uint64]
		Seq uint64
		Pad [56]byte
	}
	// Copy is a payload that the library copies.
	Copy struct {
		actor.Asks[Far, uint64]
		Data []byte
	}
	// Map is a payload that the far process reads in place.
	Map struct {
		actor.Asks[Far, uint64]
		Data actor.Buffer
	}
	// Load is a Map without an answer.
	Load struct {
		actor.Tells[Far]
		Data actor.Buffer
	}
	// Tally asks how many messages have arrived.
	Tally struct{ actor.Asks[Far, uint64] }

	// Count asks the far process to count to N in shared memory.
	Count struct {
		actor.Asks[Far, int64]
		Memory actor.File
		N      int64
	}
	// Read asks what is in a file.
	Read struct {
		actor.Asks[Far, string]
		File actor.File
	}
)

// far checks that messages come whole and in order. If not, it panics, which ends the
// tour as failed.
var far = actor.Define("far", func(s *actor.Setup[Far]) error {
	next := uint64(0)
	take := func(seq uint64) uint64 {
		if seq != next {
			panic(fmt.Sprintf("got message %d, expected %d", seq, next))
		}
		next++
		return seq
	}
	actor.OnTell(s, func(c *actor.Context, m Note) error { take(m.Seq); return nil })
	actor.OnAsk(s, func(c *actor.Context, m Echo) (uint64, error) { return take(m.Seq), nil })
	actor.OnAsk(s, func(c *actor.Context, m Copy) (uint64, error) { return take(stamped(m.Data)), nil })
	actor.OnAsk(s, func(c *actor.Context, m Map) (uint64, error) { return take(stamped(m.Data.Bytes())), nil })
	actor.OnTell(s, func(c *actor.Context, m Load) error { take(stamped(m.Data.Bytes())); return nil })
	actor.OnAsk(s, func(c *actor.Context, m Tally) (uint64, error) { return next, nil })
	actor.OnAsk(s, func(c *actor.Context, m Count) (int64, error) {
		defer m.Memory.Close()
		memory, err := shared.Open(m.Memory.File)
		if err != nil {
			return 0, err
		}
		n, err := countTo(c, memory, 1, m.N)
		return n, errors.Join(err, memory.Close())
	})
	actor.OnAsk(s, func(c *actor.Context, m Read) (string, error) {
		defer m.File.Close()
		b, err := io.ReadAll(m.File)
		return string(b), err
	})
	return nil
})

const page = 4096

// stamp writes a message's number at the start of each of its pages.
func stamp(b []byte, seq uint64) {
	for off := 0; off < len(b); off += page {
		binary.LittleEndian.PutUint64(b[off:], seq)
	}
}

// stamped reads it back, from every page.
func stamped(b []byte) uint64 {
	seq := binary.LittleEndian.Uint64(b)
	for off := page; off < len(b); off += page {
		if v := binary.LittleEndian.Uint64(b[off:]); v != seq {
			panic(fmt.Sprintf("message %d has %d at offset %d", seq, v, off))
		}
	}
	return seq
}

// counter is memory that two processes write in turn.
type counter struct {
	Here  [2]shared.SemaphoreWord // given by this process to the far one, and by that to this one
	Lock  shared.MutexWord
	Value int64
}

// countTo waits for the other process, and then adds n to the counter, one by one, each
// time with the mutex locked. me is 0 here and 1 in the far process.
func countTo(ctx context.Context, m *shared.Memory, me int, n int64) (int64, error) {
	c, err := shared.View[counter](m, 0)
	if err != nil {
		return 0, err
	}
	if err := meet(ctx, m, &c.Here[me], &c.Here[1-me]); err != nil {
		return 0, err
	}
	lock, err := shared.NewMutex(m, &c.Lock)
	if err != nil {
		return 0, err
	}
	for range n {
		if err := lock.Lock(ctx); err != nil {
			return 0, err
		}
		c.Value++
		if err := lock.Unlock(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// meet returns when both processes have called it.
func meet(ctx context.Context, m *shared.Memory, mine, theirs *shared.SemaphoreWord) error {
	give, err := shared.NewSemaphore(m, mine)
	if err != nil {
		return err
	}
	if err := give.Release(1); err != nil {
		return err
	}
	take, err := shared.NewSemaphore(m, theirs)
	if err != nil {
		return err
	}
	return take.Acquire(ctx)
}
