package main

import (
	"bytes"
	"context"
	"image"
	"sync"
)

// fakePool decodes in this process. It refuses bombs by their declared size,
// which a real decoder must not do: here it would end the tests.
type fakePool struct {
	fail func(name string) error // an error to return for a file, or nil

	mu       sync.Mutex
	lent     int           // tiles that were not given back
	hold     string        // the file to hold back
	released chan struct{} // closed when it may go
}

func openFake(p *fakePool) func(context.Context, config) (pool, error) {
	return func(context.Context, config) (pool, error) { return p, nil }
}

func (p *fakePool) decode(ctx context.Context, j job) (tile, error) {
	if p.hold == j.name {
		select {
		case <-p.released:
		case <-ctx.Done():
			return tile{}, context.Cause(ctx)
		}
	}
	if p.fail != nil {
		if err := p.fail(j.name); err != nil {
			return tile{}, err
		}
	}
	var data []byte
	err := j.read(func(n int) ([]byte, error) {
		data = make([]byte, n)
		return data, nil
	})
	if err != nil {
		return tile{}, err
	}
	if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<28 {
		return tile{}, &quarantinedError{memoryReason(defaultMemoryMiB << 20)}
	}
	pix := make([]byte, tileBytes)
	pic, err := decodeInto(pix, data)
	if err != nil {
		return tile{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent++
	return tile{picture: pic, pix: pix, release: func() {
		clear(pix) // whoever still looks sees nothing
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lent--
	}}, nil
}

func (p *fakePool) stats() poolStats {
	return poolStats{Restarts: 2, Processes: 5, MessagesQueue: 32, MessagesSegment: 30, BytesQueue: 2048, BytesSegment: 1 << 20}
}
