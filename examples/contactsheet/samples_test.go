package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"slices"
	"testing"
)

// TestShadersAreTheSameEverywhere binds the samples' pixels to a hash, so that
// a machine on which the sheet would be another one is found out here. It
// hashes pixels and not files, because encoders may change with Go.
func TestShadersAreTheSameEverywhere(t *testing.T) {
	hash := sha256.New()
	for _, s := range []shader{bricks, bubbles, dunes, julia, mandelbrot, moire, mosaic, night, plasma, rainbow, rings, sunset, waves} {
		hash.Write(paint(64, 48, s).Pix)
	}
	const want = "af39c6b0f6e933a621a0eabeb49575bf41a1894991e9a8903b2cb5d34c13de5c"
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("the pixels of the samples have the hash %s, want %s", got, want)
	}
}

func TestSampleList(t *testing.T) {
	files := sampleFiles()
	if !slices.IsSortedFunc(files, func(a, b file) int { return bytes.Compare([]byte(a.name), []byte(b.name)) }) {
		t.Error("the samples are not in the order of their names")
	}
	data := bomb(60000, 60000)
	c, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || format != "png" || c.Width != 60000 || c.Height != 60000 || len(data) > 4096 {
		t.Errorf("the bomb has %d bytes and declares %dx%d (error %v); it should be small and look huge", len(data), c.Width, c.Height, err)
	}
}

func TestSamplesAreTheSameEachTime(t *testing.T) {
	for _, s := range samples {
		if s.name != "rings.gif" && s.name != "turned-by-exif.jpg" && s.name != "mosaic.png" && s.name != "bomb.png" {
			continue // one of each kind
		}
		a, errA := s.make()
		b, errB := s.make()
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not the same twice (errors %v, %v)", s.name, errA, errB)
		}
	}
}

func TestSin(t *testing.T) {
	for a, want := range map[int]int{0: 0, 256: 1024, 512: 0, 768: -1024, 1024: 0, -256: -1024, 85: 511} {
		if got := sin(a); max(got-want, want-got) > 3 {
			t.Errorf("sin(%d) = %d, want about %d", a, got, want)
		}
	}
	for n := range 5000 {
		if r := isqrt(n); r*r > n || (r+1)*(r+1) <= n {
			t.Fatalf("isqrt(%d) = %d", n, r)
		}
	}
}
