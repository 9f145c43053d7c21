package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"runtime"
	"strings"
)

// largePixels is the size of a picture, in pixels, from which a decoder collects its
// garbage at once.
const largePixels = 1 << 20

// decodeInto decodes a file's bytes, scales the picture down into the box of a
// tile, turns it the way its camera was held, and writes the pixels to dst,
// which must have tileBytes bytes. An error is a *damagedError.
//
// It trusts the file on purpose: a picture that declares a size beyond all memory is not
// refused here but ends the process at its limit; that is what the process is for.
func decodeInto(dst, data []byte) (picture, error) {
	src, format, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return picture{}, &damagedError{explain(err)}
	}
	size := src.Bounds().Size()
	if size.X <= 0 || size.Y <= 0 {
		return picture{}, &damagedError{fmt.Sprintf("the picture has no pixels (%dx%d)", size.X, size.Y)}
	}
	turn := upright
	if format == "jpeg" {
		turn = exifOrientation(data)
	}
	p := picture{Format: strings.ToUpper(format), SourceWidth: size.X, SourceHeight: size.Y}
	if turn.swaps() {
		w, h := fit(size.X, size.Y, tileHeight, tileWidth)
		scaleDown(dst, src, w, h, turn)
		p.Width, p.Height = h, w
		p.SourceWidth, p.SourceHeight = size.Y, size.X
	} else {
		p.Width, p.Height = fit(size.X, size.Y, tileWidth, tileHeight)
		scaleDown(dst, src, p.Width, p.Height, turn)
	}
	if size.X*size.Y >= largePixels {
		// The memory limit counts address space, which the runtime never
		// gives back. With the last picture collected before the next one
		// comes, the next one takes its place instead of new space.
		src = nil
		runtime.GC()
	}
	return p, nil
}

// explain says in plain words why a picture could not be decoded.
func explain(err error) string {
	switch {
	case errors.Is(err, image.ErrFormat):
		return "this is not a JPEG, PNG or GIF picture"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the file ends too early"
	}
	return "cannot be decoded: " + err.Error()
}

// plain is the text of err without the path, which is already in the caption.
func plain(err error) string {
	if pe := new(fs.PathError); errors.As(err, &pe) {
		err = pe.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it became shorter while it was read"
	}
	return err.Error()
}
