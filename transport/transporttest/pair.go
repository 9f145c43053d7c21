package transporttest

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// Ends is a queue whose two ends are in this process.
type Ends struct {
	Sender   transport.Sender
	Receiver transport.Receiver
}

// Pair checks everything about a queue that can be checked without another process. make
// returns a new empty queue each time.
func Pair(t *testing.T, make func(t *testing.T) Ends) {
	t.Run("order and sizes", func(t *testing.T) { pairOrder(t, make(t)) })
	t.Run("too large", func(t *testing.T) { pairTooLarge(t, make(t)) })
	t.Run("full and room again", func(t *testing.T) { pairFull(t, make(t)) })
	t.Run("reserve without commit", func(t *testing.T) { pairForget(t, make(t)) })
	t.Run("empty", func(t *testing.T) { pairEmpty(t, make(t)) })
}

// Sizes returns the entry sizes at which a queue with that largest entry could go wrong:
// around the cells of a ring, around pages, and the largest.
func Sizes(max int) (sizes []int) {
	for _, n := range []int{0, 1, 8, 59, 60, 61, 63, 64, 65, 123, 124, 125, 128, 239, 240, 1000, 4091, 4092, 4093, 4095, 4096, 4097, 8192, max - 1, max} {
		if n <= max {
			sizes = append(sizes, n)
		}
	}
	return sizes
}

// Fill writes the contents of entry number i: the number, as far as it fits, and bytes
// that depend on it.
func Fill(b []byte, i uint64) {
	for k := range b {
		b[k] = byte(i*31 + uint64(k))
	}
	if len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, i)
	}
}

// Check reports whether b is what Fill writes for entry number i.
func Check(b []byte, i uint64) bool {
	want := make([]byte, len(b))
	Fill(want, i)
	return string(b) == string(want)
}

// send puts entry number i of that size into the queue.
func send(s transport.Sender, i uint64, size int) error {
	b, err := s.Reserve(size)
	if err != nil {
		return err
	}
	Fill(b, i)
	return s.Commit()
}

// pairOrder: entries come out whole and in the order of their commits.
func pairOrder(t *testing.T, q Ends) {
	sizes := Sizes(q.Sender.MaxEntry())
	last := uint64(0)
	for i := range uint64(2000) {
		size := sizes[i%uint64(len(sizes))]
		if err := send(q.Sender, i, size); err != nil {
			t.Fatalf("entry %d of %d bytes: %v", i, size, err)
		}
		e, err := q.Receiver.Next()
		if err != nil || len(e.Bytes) != size || !Check(e.Bytes, i) {
			t.Fatalf("entry %d of %d bytes came as %d bytes, %v", i, size, len(e.Bytes), err)
		}
		if e.Seq < last || e.End <= e.Seq {
			t.Fatalf("entry %d has sequence %d to %d after %d", i, e.Seq, e.End, last)
		}
		last = e.End
		q.Receiver.Done()
		q.Receiver.Release()
	}
}

// pairTooLarge: an entry that can never fit is refused, and the error names the limit.
func pairTooLarge(t *testing.T, q Ends) {
	max := q.Sender.MaxEntry()
	_, err := q.Sender.Reserve(max + 1)
	if e := new(transport.SizeError); !errors.As(err, &e) || e.Limit != max || e.Size != max+1 || e.Remedy == "" {
		t.Fatalf("%d bytes where %d fit: %v", max+1, max, err)
	}
	if err := send(q.Sender, 0, max); err != nil {
		t.Fatalf("the largest entry: %v", err)
	}
}

// pairFull: a full queue returns ErrFull, loses nothing, and takes more when room was
// released.
func pairFull(t *testing.T, q Ends) {
	size := min(40, q.Sender.MaxEntry())
	var sent, got uint64
	for range 3 {
		for {
			if err := send(q.Sender, sent, size); errors.Is(err, transport.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if sent++; sent > 1<<20 {
				t.Fatal("the queue never gets full")
			}
		}
		for {
			e, err := q.Receiver.Next()
			if errors.Is(err, transport.ErrEmpty) {
				break
			}
			if err != nil || !Check(e.Bytes, got) {
				t.Fatalf("entry %d: %v", got, err)
			}
			got++
			q.Receiver.Done()
		}
		q.Receiver.Release()
	}
	if got != sent {
		t.Fatalf("%d entries went in, %d came out", sent, got)
	}
}

// pairForget: an entry that was reserved but not committed is never seen.
func pairForget(t *testing.T, q Ends) {
	b, err := q.Sender.Reserve(16)
	if err != nil {
		t.Fatal(err)
	}
	Fill(b, 999)
	if _, err := q.Receiver.Next(); !errors.Is(err, transport.ErrEmpty) {
		t.Fatalf("an entry that was not committed: %v", err)
	}
	if err := send(q.Sender, 7, 24); err != nil {
		t.Fatal(err)
	}
	if e, err := q.Receiver.Next(); err != nil || len(e.Bytes) != 24 || !Check(e.Bytes, 7) {
		t.Fatalf("%d bytes, %v", len(e.Bytes), err)
	}
}

// pairEmpty: an empty queue returns ErrEmpty, however often it is asked.
func pairEmpty(t *testing.T, q Ends) {
	for range 3 {
		if _, err := q.Receiver.Next(); !errors.Is(err, transport.ErrEmpty) {
			t.Fatal(err)
		}
	}
}
