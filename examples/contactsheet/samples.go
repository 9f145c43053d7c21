package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
)

// sample is a picture that the program paints itself when it is opened. It exists only
// in memory, so there is nothing to remove.
type sample struct {
	name string
	make func() ([]byte, error)
}

var samples = []sample{
	{"bomb.png", func() ([]byte, error) { return bomb(60000, 60000), nil }},
	{"bricks.gif", paintGIF(640, 480, bricks)},
	{"bubbles.png", paintPNG(600, 600, bubbles)},
	{"damaged.jpg", damaged(paintJPEG(800, 600, plasma))},
	{"dunes.jpg", paintJPEG(1200, 600, dunes)},
	{"julia.png", paintPNG(720, 540, julia)},
	{"mandelbrot.jpg", paintJPEG(1024, 768, mandelbrot)},
	{"moire.png", paintPNG(480, 640, moire)},
	{"mosaic.png", paintPNG(640, 480, mosaic)},
	{"night.jpg", paintJPEG(900, 900, night)},
	{"plasma.jpg", paintJPEG(800, 600, plasma)},
	{"rainbow.png", paintPNG(960, 480, rainbow)},
	{"rings.gif", paintGIF(500, 500, rings)},
	{"sunset.jpg", paintJPEG(1280, 800, sunset)},
	{"turned-by-exif.jpg", turnedByEXIF(480, 720, sunset)},
	{"waves.jpg", paintJPEG(900, 600, waves)},
}

// sampleFiles lists the samples as files.
func sampleFiles() []file {
	files := make([]file, len(samples))
	for i, s := range samples {
		files[i] = file{name: s.name, open: func() (io.ReadCloser, int64, error) {
			data, err := s.make()
			return io.NopCloser(bytes.NewReader(data)), int64(len(data)), err
		}}
	}
	return files
}

// shader is a picture: the colour at x, y of w×h pixels.
type shader func(x, y, w, h int) color.NRGBA

func paint(w, h int, s shader) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, s(x, y, w, h))
		}
	}
	return img
}

func paintPNG(w, h int, s shader) func() ([]byte, error) {
	return func() ([]byte, error) {
		var out bytes.Buffer
		err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, paint(w, h, s))
		return out.Bytes(), err
	}
}

func paintJPEG(w, h int, s shader) func() ([]byte, error) {
	return func() ([]byte, error) {
		var out bytes.Buffer
		err := jpeg.Encode(&out, paint(w, h, s), &jpeg.Options{Quality: 85})
		return out.Bytes(), err
	}
}

// paintGIF paints with a palette of 252 colours: 6 of red, 7 of green, 6 of
// blue. The nearest of them is not good enough for a smooth picture, so each
// pixel is first pushed up or down by a fixed pattern of 4×4.
func paintGIF(w, h int, s shader) func() ([]byte, error) {
	pattern := [16]int{0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5}
	return func() ([]byte, error) {
		var palette color.Palette
		for i := range 252 {
			palette = append(palette, color.NRGBA{uint8(i / 42 * 51), uint8(i / 6 % 7 * 255 / 6), uint8(i % 6 * 51), 0xff})
		}
		img := image.NewPaletted(image.Rect(0, 0, w, h), palette)
		for y := range h {
			for x := range w {
				c, push := s(x, y, w, h), pattern[y%4*4+x%4]
				level := func(v uint8, steps int) int { return (int(v)*steps*16 + push*255) / (16 * 255) }
				img.Pix[y*img.Stride+x] = uint8(level(c.R, 5)*42 + level(c.G, 6)*6 + level(c.B, 5))
			}
		}
		var out bytes.Buffer
		err := gif.Encode(&out, img, nil)
		return out.Bytes(), err
	}
}

// damaged is the first two thirds of a file: a copy that was interrupted.
func damaged(whole func() ([]byte, error)) func() ([]byte, error) {
	return func() ([]byte, error) {
		data, err := whole()
		return data[:len(data)*2/3], err
	}
}

// turnedByEXIF is a picture of w×h pixels as a camera held sideways stores it:
// lying, with a note that says how to turn it.
func turnedByEXIF(w, h int, s shader) func() ([]byte, error) {
	lying := func(x, y, _, _ int) color.NRGBA { return s(w-1-y, x, w, h) }
	return func() ([]byte, error) {
		data, err := paintJPEG(h, w, lying)()
		if err != nil {
			return nil, err
		}
		return append(data[:2:2], append(exifSegment(6), data[2:]...)...), nil
	}
}

// exifSegment is the part of a JPEG file that states an orientation and
// nothing else.
func exifSegment(o orientation) []byte {
	seg := []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08" + // where the directory is: at 8
		"\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00" + // one entry, a short
		"\x00\x00\x00\x00") // no further directory
	seg[29] = byte(o)
	return seg
}

// bomb is a PNG file of a few hundred bytes that declares w×h pixels of four
// bytes. A decoder reserves memory for all of them before it finds out that
// the file holds only the first row or so.
func bomb(w, h uint32) []byte {
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		from := len(out)
		out = append(append(out, kind...), data...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[from:]))
	}
	header := binary.BigEndian.AppendUint32(nil, w)
	header = binary.BigEndian.AppendUint32(header, h)
	chunk("IHDR", append(header, 8, 6, 0, 0, 0)) // 8 bits each of red, green, blue, alpha
	var rows bytes.Buffer
	z := zlib.NewWriter(&rows)
	z.Write(make([]byte, 4*w+1)) // a bytes.Buffer takes everything
	z.Close()
	chunk("IDAT", rows.Bytes())
	chunk("IEND", nil)
	return out
}
