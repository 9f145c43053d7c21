package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// Decoder is the protocol of the actors that decode pictures.
type Decoder struct{}

// Decode is asked of a decoder: make a tile of the file with these bytes.
type Decode struct {
	actor.Asks[Decoder, Decoded]
	Data actor.Buffer
}

// Decoded is the answer: a tile's pixels, or why the file is damaged.
type Decoded struct {
	Picture picture
	Pix     actor.Buffer
	Damaged string
}

var decoderActor = actor.Define("decoder", func(s *actor.Setup[Decoder]) error {
	actor.OnAsk(s, func(c *actor.Context, m Decode) (Decoded, error) {
		pix, err := c.Lend(tileBytes)
		if err != nil {
			return Decoded{}, err
		}
		pic, err := decodeInto(pix.Bytes(), m.Data.Bytes())
		if d := new(damagedError); errors.As(err, &d) {
			pix.Release()
			return Decoded{Damaged: d.reason}, nil
		}
		return Decoded{Picture: pic, Pix: pix}, err
	})
	return nil
})

// The supervisor allows as many restarts as -kill can cause, and many files
// that kill their decoder; a decoder that dies without end is still noticed.
var spec = supervisor.Spec{Intensity: 1000, Period: 10 * time.Second}

// deathsAllowed is how often a file may kill its decoder: a first time may be
// bad luck.
const deathsAllowed = 2

// decoders is a pool of decoder processes.
type decoders struct {
	sup    *supervisor.Supervisor
	memory int64

	mu   sync.Mutex
	each []*worker
}

// worker is one decoder process, in all its incarnations.
type worker struct {
	ref      actor.Ref[Decoder]
	busy     int  // files on their way to it
	finished bool // it has finished a file since it was killed last
}

// startPool starts the decoder processes, and with -kill what kills them.
func startPool(ctx context.Context, sup *supervisor.Supervisor, cfg config) (pool, error) {
	d := &decoders{sup: sup, memory: cfg.memory}
	for i := range cfg.workers {
		ref, err := supervisor.StartChild(ctx, sup, decoderActor, supervisor.Child{
			Name:    fmt.Sprint("decoder-", i+1),
			Memory:  uint64(cfg.memory),
			Mailbox: mailbox.Config{Redeliver: deathsAllowed, PoolBytes: 2 * maxFileBytes},
			Stderr:  io.Discard, // a decoder that runs out of memory has much to say
		})
		if err != nil {
			return nil, err
		}
		d.each = append(d.each, &worker{ref: ref})
	}
	if cfg.kill {
		go d.killAll(ctx)
	}
	return d, nil
}

func (d *decoders) decode(ctx context.Context, j job) (tile, error) {
	w := d.take()
	defer d.put(w)
	var data actor.Buffer
	err := j.read(func(n int) (mem []byte, err error) {
		data, err = actor.Lend(ctx, w.ref, n)
		return data.Bytes(), err
	})
	if err != nil {
		data.Release()
		return tile{}, err
	}
	m, err := actor.Ask(ctx, w.ref, Decode{Data: data})
	var death *actor.DeathError
	switch {
	case errors.As(err, &death) && death.Exit.Kind == actor.ExitMemory:
		return tile{}, &quarantinedError{memoryReason(d.memory)}
	case errors.As(err, &death):
		return tile{}, &quarantinedError{"its decoder died: " + death.Exit.Summary}
	case err != nil:
		return tile{}, err
	case m.Damaged != "":
		return tile{}, &damagedError{m.Damaged}
	}
	return tile{picture: m.Picture, pix: m.Pix.Bytes(), release: m.Pix.Release}, nil
}

// take finds the decoder that has the least to do.
func (d *decoders) take() *worker {
	d.mu.Lock()
	defer d.mu.Unlock()
	best := d.each[0]
	for _, w := range d.each[1:] {
		if w.busy < best.busy {
			best = w
		}
	}
	best.busy++
	return best
}

func (d *decoders) put(w *worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.busy--
	w.finished = true
}

// killAll kills a random decoder every 100 ms. It spares those that have not
// finished a file since they were killed last, so that the work gets done.
func (d *decoders) killAll(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if w := d.victim(); w != nil {
			_ = d.sup.Kill(w.ref.ID) // one that has just died needs no killing
		}
	}
}

func (d *decoders) victim() *worker {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ripe []*worker
	for _, w := range d.each {
		if w.finished {
			ripe = append(ripe, w)
		}
	}
	if len(ripe) == 0 {
		return nil
	}
	w := ripe[rand.IntN(len(ripe))]
	w.finished = false
	return w
}

func (d *decoders) stats() poolStats {
	t := d.sup.Traffic()
	return poolStats{
		Restarts:        int(d.sup.Restarts()),
		Processes:       1 + len(d.each),
		MessagesQueue:   int64(t.Small + t.Large + t.Replies + t.LargeReplies), // each takes an entry
		MessagesSegment: int64(t.Large + t.LargeReplies),
		BytesQueue:      int64(t.SmallBytes + t.ReplyBytes),
		BytesSegment:    int64(t.LargeBytes + t.LargeReplyBytes),
	}
}
