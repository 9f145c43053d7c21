package segment

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// TestViewOfRefused: nobody waits for a segment that was refused. One of the same id that
// is as it should be, and one that is taken back, end that.
func TestViewOfRefused(t *testing.T) {
	var v Views
	defer v.Close()
	ref := BlockRef{Segment: 3, Length: 1}
	mem, err := Create("good", 8192, Options{Populate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	refuse := func(id uint16) {
		t.Helper()
		if err := v.Add(id, dup(t, mem.File()), 8192, 8191, 1); err == nil {
			t.Fatal("blocks of 8191 bytes were not refused")
		}
	}
	refuse(3)
	var e *transport.CorruptError
	if _, err := v.View(ref); !errors.As(err, &e) || errors.Is(err, ErrUnknownSegment) {
		t.Errorf("a segment that was refused: %v", err)
	}
	if _, err := v.View(BlockRef{Segment: 4, Length: 1}); err != ErrUnknownSegment {
		t.Errorf("another one: %v", err)
	}
	if err := v.Drop(3); err != ErrUnknownSegment {
		t.Errorf("dropped: %v", err)
	}
	if _, err := v.View(ref); err != ErrUnknownSegment {
		t.Errorf("a segment that was taken back: %v", err)
	}
	for id := range uint16(2 * MaxViewSegments) {
		refuse(id)
	}
	if len(v.refused) > MaxViewSegments {
		t.Errorf("%d refused segments are remembered", len(v.refused))
	}
	if err := v.Add(3, dup(t, mem.File()), 8192, 8192, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := v.View(ref); err != nil {
		t.Errorf("the same id, as it should be: %v", err)
	}
	v.Forget(ref)
}
