package main

import (
	"context"
	"fmt"
	"io"
)

// A tile's pixels fit into this box, in pixels. tileBytes is the memory that a
// decoder needs for them at most: four bytes a pixel.
const (
	tileWidth  = 200
	tileHeight = 150
	tileBytes  = tileWidth * tileHeight * 4
)

// maxFileBytes bounds what is read of one file.
const maxFileBytes = 256 << 20

// file is something to show on the sheet.
type file struct {
	name string // the caption: the path below the folder, with slashes

	// open gives the file's bytes and how many there are.
	open func() (io.ReadCloser, int64, error)
}

// job is one file on its way to a decoder.
type job struct{ file }

// read puts the file's bytes into the memory that lend returns for their
// number. Its errors are of type *damagedError, except those of lend. Nothing
// is read when lend fails.
func (j job) read(lend func(n int) ([]byte, error)) error {
	r, size, err := j.open()
	if err != nil {
		return &damagedError{"cannot be read: " + plain(err)}
	}
	defer r.Close()
	switch {
	case size == 0:
		return &damagedError{"the file is empty"}
	case size > maxFileBytes:
		return &damagedError{fmt.Sprintf("the file has %d MiB, more than the limit of %d MiB", size>>20, maxFileBytes>>20)}
	}
	mem, err := lend(int(size))
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, mem); err != nil {
		return &damagedError{"cannot be read: " + plain(err)}
	}
	return nil
}

// picture says what a decoder made of a file.
type picture struct {
	Width, Height             int // of the scaled pixels, in pixels
	SourceWidth, SourceHeight int // of the original as a viewer shows it, in pixels
	Format                    string
}

// tile is what a decoder sends back. Pix is only lent: it is valid until
// release, which must be called once and may be nil.
type tile struct {
	picture
	pix     []byte // Width*Height*4 bytes: R G B A, premultiplied, row by row
	release func()
}

// done gives the pixels back.
func (t tile) done() {
	if t.release != nil {
		t.release()
	}
}

// decoder turns files into tiles. It is called by several goroutines at once.
type decoder interface {
	// decode returns the tile of j. A *damagedError says that the file is to
	// blame and its decoder still well, a *quarantinedError that the file
	// killed its decoder; any other error ends the program.
	decode(ctx context.Context, j job) (tile, error)
}

// pool is a set of decoders and what they cost so far.
type pool interface {
	decoder
	stats() poolStats
}

// poolStats counts since the start of the pool.
type poolStats struct {
	Restarts        int // of decoders
	Processes       int // in the tree now, the program's own included
	MessagesQueue   int64
	MessagesSegment int64
	BytesQueue      int64
	BytesSegment    int64
}

// damagedError is the fate of a file that cannot be decoded: a grey tile.
type damagedError struct{ reason string }

func (e *damagedError) Error() string { return e.reason }

// quarantinedError is the fate of a file that killed its decoder: a red tile.
// The reason appears in the sheet, so it must be the same at every run.
type quarantinedError struct{ reason string }

func (e *quarantinedError) Error() string { return e.reason }

// memoryReason is the reason for a file whose decoder died at its memory
// limit of n bytes.
func memoryReason(n int64) string {
	return fmt.Sprintf("its decoder reached the memory limit of %d MiB", n>>20)
}
