package codec_test

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// The messages that the codec is measured with, and for each what somebody
// writes by hand who knows the fields, the byte order and nothing of unsafe:
// size, so that a reserved entry has the right length; put, which appends; into,
// which puts into room of that size; and get.
type (
	// Quote is flat.
	Quote struct {
		ID          uint64
		Price, Size float64
		At          int64
		Venue       uint32
		Side        uint16
		Open, Last  bool
	}

	// Cart has a struct, and a slice of structs with strings.
	Cart struct {
		ID       uint64
		Customer string
		Ship     Address
		Lines    []Line
	}
	Address struct {
		Street, City string
		Zip          uint32
	}
	Line struct {
		SKU   string
		Count int32
		Price float64
	}

	// Tally has a map.
	Tally struct {
		Name   string
		Counts map[string]int64
	}
)

func quote() Quote {
	return Quote{ID: 77, Price: 101.25, Size: 300, At: 1_700_000_000_000, Venue: 12, Side: 1, Open: true}
}

func job() Job {
	return Job{ID: 7, Name: "a name of an ordinary length", Pixels: []uint32{1, 2, 3, 4, 5, 6, 7, 8}}
}

func cart() Cart {
	return Cart{
		ID: 9, Customer: "Ada Lovelace", Ship: Address{"12 St James's Square", "London", 31337},
		Lines: []Line{{"gear-17", 4, 12.5}, {"gear-23", 2, 14.75}, {"axle-3", 1, 99}, {"punched cards", 1000, 0.01}},
	}
}

func tally() Tally {
	return Tally{"words", map[string]int64{"the": 9, "play": 3, "of": 7, "understudy": 1, "and": 5, "line": 2, "is": 8, "lost": 1}}
}

func putText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

func putBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

var errShort = errors.New("short")

// reader is what is left of the bytes.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.err, r.b = errShort, nil
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// count is a length, of elements that take size bytes or more.
func (r *reader) count(size int) int {
	n := int(r.u32())
	if n > len(r.b)/size {
		r.err, r.b = errShort, nil
		return 0
	}
	return n
}

func (r *reader) text() string { return string(r.take(r.count(1))) }

func (q *Quote) size() int { return 40 }

func (q *Quote) put(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, q.ID)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(q.Price))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(q.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(q.At))
	b = binary.LittleEndian.AppendUint32(b, q.Venue)
	b = binary.LittleEndian.AppendUint16(b, q.Side)
	return putBool(putBool(b, q.Open), q.Last)
}

func (q *Quote) into(b []byte) []byte { return q.put(b[:0:q.size()]) }

func (q *Quote) get(b []byte) error {
	if len(b) != q.size() || b[38] > 1 || b[39] > 1 {
		return errShort
	}
	q.ID = binary.LittleEndian.Uint64(b)
	q.Price = math.Float64frombits(binary.LittleEndian.Uint64(b[8:]))
	q.Size = math.Float64frombits(binary.LittleEndian.Uint64(b[16:]))
	q.At = int64(binary.LittleEndian.Uint64(b[24:]))
	q.Venue = binary.LittleEndian.Uint32(b[32:])
	q.Side = binary.LittleEndian.Uint16(b[36:])
	q.Open, q.Last = b[38] == 1, b[39] == 1
	return nil
}

func (j *Job) size() int { return 16 + len(j.Name) + 4*len(j.Pixels) }

func (j *Job) put(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, j.ID)
	b = putText(b, j.Name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(j.Pixels)))
	for _, p := range j.Pixels {
		b = binary.LittleEndian.AppendUint32(b, p)
	}
	return b
}

func (j *Job) into(b []byte) []byte { return j.put(b[:0:j.size()]) }

func (j *Job) get(b []byte) error {
	if len(b) < 12 {
		return errShort
	}
	j.ID = binary.LittleEndian.Uint64(b)
	n := int(binary.LittleEndian.Uint32(b[8:]))
	b = b[12:]
	if len(b) < n+4 {
		return errShort
	}
	j.Name = string(b[:n])
	k := int(binary.LittleEndian.Uint32(b[n:]))
	b = b[n+4:]
	if len(b) != 4*k {
		return errShort
	}
	j.Pixels = make([]uint32, k)
	for i := range j.Pixels {
		j.Pixels[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return nil
}

func (o *Cart) size() int {
	n := 28 + len(o.Customer) + len(o.Ship.Street) + len(o.Ship.City)
	for i := range o.Lines {
		n += 16 + len(o.Lines[i].SKU)
	}
	return n
}

func (o *Cart) put(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, o.ID)
	b = putText(b, o.Customer)
	b = putText(b, o.Ship.Street)
	b = putText(b, o.Ship.City)
	b = binary.LittleEndian.AppendUint32(b, o.Ship.Zip)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(o.Lines)))
	for i := range o.Lines {
		l := &o.Lines[i]
		b = putText(b, l.SKU)
		b = binary.LittleEndian.AppendUint32(b, uint32(l.Count))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(l.Price))
	}
	return b
}

func (o *Cart) into(b []byte) []byte { return o.put(b[:0:o.size()]) }

func (o *Cart) get(b []byte) error {
	r := reader{b: b}
	o.ID = r.u64()
	o.Customer, o.Ship.Street, o.Ship.City, o.Ship.Zip = r.text(), r.text(), r.text(), r.u32()
	o.Lines = make([]Line, r.count(16))
	for i := range o.Lines {
		l := &o.Lines[i]
		l.SKU, l.Count, l.Price = r.text(), int32(r.u32()), math.Float64frombits(r.u64())
	}
	return r.err
}

func (t *Tally) size() int {
	n := 8 + len(t.Name)
	for k := range t.Counts {
		n += 12 + len(k)
	}
	return n
}

func (t *Tally) put(b []byte) []byte {
	b = putText(b, t.Name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Counts)))
	for k, v := range t.Counts {
		b = binary.LittleEndian.AppendUint64(putText(b, k), uint64(v))
	}
	return b
}

func (t *Tally) into(b []byte) []byte { return t.put(b[:0:t.size()]) }

func (t *Tally) get(b []byte) error {
	r := reader{b: b}
	t.Name = r.text()
	n := r.count(12)
	t.Counts = make(map[string]int64, n)
	for range n {
		k := r.text()
		t.Counts[k] = int64(r.u64())
	}
	return r.err
}

// twin is a pointer to a T that is also encoded by hand.
type twin[T any] interface {
	*T
	size() int
	put([]byte) []byte
	into([]byte) []byte
	get([]byte) error
}

func twins[T any, P twin[T]](t *testing.T, v T) {
	b := P(&v).put(nil)
	var got T
	if err := P(&got).get(b); err != nil || !reflect.DeepEqual(got, v) || len(b) != P(&v).size() {
		t.Errorf("%T by hand: %d bytes, %v, %+v, want %d, %+v", v, len(b), err, got, P(&v).size(), v)
	}
	ct := of[T](t)
	b, err := codec.Append(ct, nil, &v, nil)
	if err == nil {
		got = *new(T)
		err = codec.Decode(ct, b, &got, nil)
	}
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("%T: %v, %+v, want %+v", v, err, got, v)
	}
}

// What the codec is measured against does the same work.
func TestTwins(t *testing.T) {
	twins(t, quote())
	twins(t, job())
	twins(t, cart())
	twins(t, tally())
}
