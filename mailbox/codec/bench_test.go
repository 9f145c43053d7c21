package codec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"errors"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

func job() Job {
	return Job{ID: 7, Name: "a name of an ordinary length", Pixels: []uint32{1, 2, 3, 4, 5, 6, 7, 8}}
}

// appendJob and decodeJob are what somebody writes by hand who knows the
// fields, the byte order, and nothing of unsafe.
func appendJob(dst []byte, j *Job) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, j.ID)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(j.Name)))
	dst = append(dst, j.Name...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(j.Pixels)))
	for _, p := range j.Pixels {
		dst = binary.LittleEndian.AppendUint32(dst, p)
	}
	return dst
}

var errShort = errors.New("short")

func decodeJob(b []byte, j *Job) error {
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

func BenchmarkOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.Of[Job](); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	v, f := job(), Flat{ID: 1}
	buf := make([]byte, 0, 4096)
	b.Run("job/codec", func(b *testing.B) {
		t, _ := codec.Of[Job]()
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = codec.Append(t, buf[:0], &v, nil)
		}
	})
	b.Run("job/codec+size", func(b *testing.B) {
		t, _ := codec.Of[Job]()
		b.ReportAllocs()
		for b.Loop() {
			n, _ := codec.Size(t, &v)
			buf, _ = codec.Append(t, buf[:0:n], &v, nil)
		}
	})
	b.Run("job/hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = appendJob(buf[:0], &v)
		}
	})
	b.Run("job/gob", func(b *testing.B) {
		var w bytes.Buffer
		e := gob.NewEncoder(&w)
		b.ReportAllocs()
		for b.Loop() {
			w.Reset()
			_ = e.Encode(&v)
		}
	})
	b.Run("job/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = json.Marshal(&v)
		}
	})
	b.Run("flat/codec", func(b *testing.B) {
		t, _ := codec.Of[Flat]()
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = codec.Append(t, buf[:0], &f, nil)
		}
	})
	b.Run("rich/codec", func(b *testing.B) {
		t, _ := codec.Of[Rich]()
		v := richSample()
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = codec.Append(t, buf[:0], &v, nil)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	v := job()
	b.Run("job/codec", func(b *testing.B) {
		t, _ := codec.Of[Job]()
		src, _ := codec.Append(t, nil, &v, nil)
		b.ReportAllocs()
		for b.Loop() {
			var got Job
			if err := codec.Decode(t, src, &got, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("job/hand", func(b *testing.B) {
		src := appendJob(nil, &v)
		b.ReportAllocs()
		for b.Loop() {
			var got Job
			if err := decodeJob(src, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("job/gob", func(b *testing.B) {
		// One stream, as a connection would have: its type is sent once.
		var w bytes.Buffer
		e := gob.NewEncoder(&w)
		d := gob.NewDecoder(&w)
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			_ = e.Encode(&v)
			b.StartTimer()
			var got Job
			if err := d.Decode(&got); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("job/json", func(b *testing.B) {
		src, _ := json.Marshal(&v)
		b.ReportAllocs()
		for b.Loop() {
			var got Job
			if err := json.Unmarshal(src, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodeOthers(b *testing.B) {
	f := Flat{ID: 1}
	b.Run("flat/codec", func(b *testing.B) {
		t, _ := codec.Of[Flat]()
		src, _ := codec.Append(t, nil, &f, nil)
		b.ReportAllocs()
		for b.Loop() {
			var got Flat
			if err := codec.Decode(t, src, &got, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rich/codec", func(b *testing.B) {
		t, _ := codec.Of[Rich]()
		v := richSample()
		src, _ := codec.Append(t, nil, &v, nil)
		b.ReportAllocs()
		for b.Loop() {
			var got Rich
			if err := codec.Decode(t, src, &got, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
