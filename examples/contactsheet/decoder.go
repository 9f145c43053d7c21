package main

import (
	"bytes"
	"context"
	"image"
)

// inProcess decodes in this process: a stand-in for the pool of decoder
// processes. It cannot survive a decompression bomb, so it looks at the
// declared size first.
type inProcess struct{ cfg config }

func startPool(_ context.Context, cfg config) (pool, error) { return inProcess{cfg}, nil }

func (p inProcess) decode(_ context.Context, j job) (tile, error) {
	var data []byte
	err := j.read(func(n int) ([]byte, error) {
		data = make([]byte, n)
		return data, nil
	})
	if err != nil {
		return tile{}, err
	}
	if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && int64(c.Width)*int64(c.Height)*4 > p.cfg.memory {
		return tile{}, &quarantinedError{memoryReason(p.cfg.memory)}
	}
	pix := make([]byte, tileBytes)
	pic, err := decodeInto(pix, data)
	return tile{picture: pic, pix: pix}, err
}

func (inProcess) stats() poolStats { return poolStats{Processes: 1} }
