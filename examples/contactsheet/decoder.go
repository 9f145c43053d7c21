package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
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

// deathsAllowed is how often a file may kill its decoder: the first time may be bad luck.
const deathsAllowed = 2

// decoders is a pool of decoder processes.
type decoders struct {
	sup    *supervisor.Supervisor
	pool   actor.Ref[Decoder]
	size   int
	memory int64

	mu       sync.Mutex
	finished map[actor.Ref[Decoder]]bool // decoders that have finished a file since they were last killed
}

// startPool starts the decoder processes, and with -kill the goroutine that kills them.
func startPool(ctx context.Context, sup *supervisor.Supervisor, cfg config) (pool, error) {
	ref, err := supervisor.StartPool(ctx, sup, decoderActor, supervisor.Pool{
		Size:      cfg.workers,
		Route:     supervisor.LeastLoaded,
		Intensity: spec.Intensity,
		Period:    spec.Period,
		Member: supervisor.Child{
			Memory:  uint64(cfg.memory),
			Mailbox: mailbox.Config{Redeliver: deathsAllowed, PoolBytes: 2 * maxFileBytes},
			Stderr:  io.Discard, // a decoder that runs out of memory writes a lot
		},
	})
	if err != nil {
		return nil, err
	}
	d := &decoders{sup: sup, pool: ref, size: cfg.workers, memory: cfg.memory, finished: map[actor.Ref[Decoder]]bool{}}
	if cfg.kill {
		go d.killAll(ctx)
	}
	return d, nil
}

func (d *decoders) decode(ctx context.Context, j job) (tile, error) {
	one, err := actor.Pick(ctx, d.pool, 0) // the file is read into memory shared with this one
	if err != nil {
		return tile{}, err
	}
	defer d.finish(one)
	var data actor.Buffer
	err = j.read(func(n int) (mem []byte, err error) {
		data, err = actor.Lend(ctx, one, n)
		return data.Bytes(), err
	})
	if err != nil {
		data.Release()
		return tile{}, err
	}
	m, err := actor.Ask(ctx, one, Decode{Data: data})
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

func (d *decoders) finish(one actor.Ref[Decoder]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finished[one] = true
}

// killAll kills a random decoder every 100 ms. It spares those that have not finished a
// file since they were last killed, so that the work gets done.
func (d *decoders) killAll(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if one, ok := d.victim(); ok {
			_ = d.sup.Kill(one.ID) // fails if it has just died
		}
	}
}

func (d *decoders) victim() (one actor.Ref[Decoder], ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ripe := slices.Collect(maps.Keys(d.finished))
	if len(ripe) == 0 {
		return one, false
	}
	one = ripe[rand.IntN(len(ripe))]
	delete(d.finished, one)
	return one, true
}

func (d *decoders) stats() poolStats {
	t := d.sup.Traffic()
	return poolStats{
		Restarts:        int(d.sup.Restarts()),
		Processes:       1 + d.size,
		MessagesQueue:   int64(t.Small + t.Large + t.Replies + t.LargeReplies), // each takes an entry
		MessagesSegment: int64(t.Large + t.LargeReplies),
		BytesQueue:      int64(t.SmallBytes + t.ReplyBytes),
		BytesSegment:    int64(t.LargeBytes + t.LargeReplyBytes),
	}
}
