package codec_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// The four shapes, each by the codec, by hand, by gob and by JSON.
//
//	append   to a slice with room enough
//	entry    as a message goes out: the size, then into room of that size
//	decode   into a new value
//	through  entry and decode
//
// Gob works on one stream, as a connection would: its types are sent once.
func BenchmarkQuote(b *testing.B) { shape[Quote](b, quote()) }
func BenchmarkJob(b *testing.B)   { shape[Job](b, job()) }
func BenchmarkCart(b *testing.B)  { shape[Cart](b, cart()) }
func BenchmarkTally(b *testing.B) { shape[Tally](b, tally()) }

// ways are the four ways of one shape: what one operation is.
type ways struct {
	name                           string
	append, entry, decode, through func()
}

func shape[T any, P twin[T]](b *testing.B, v T) {
	all := []ways{byCodec(b, v), byHand[T, P](b, v), byGob(b, v), byJSON(b, v)}
	// One after another, so that all are measured at one speed of the machine.
	run := func(what string, op func(ways) func()) {
		for _, w := range all {
			if f := op(w); f != nil {
				b.Run(what+"/"+w.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						f()
					}
				})
			}
		}
	}
	run("append", func(w ways) func() { return w.append })
	run("entry", func(w ways) func() { return w.entry })
	run("decode", func(w ways) func() { return w.decode })
	run("through", func(w ways) func() { return w.through })
}

func byCodec[T any](b *testing.B, v T) ways {
	t, err := codec.Of[T]()
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 4096)
	src, _ := codec.Append(t, nil, &v, nil)
	return ways{
		name:   "codec",
		append: func() { _, _ = codec.Append(t, buf[:0], &v, nil) },
		entry: func() {
			n, _ := codec.Size(t, &v)
			_, _ = codec.Append(t, buf[:0:n], &v, nil)
		},
		decode: func() {
			var got T
			if err := codec.Decode(t, src, &got, nil); err != nil {
				panic(err)
			}
		},
		through: func() {
			n, _ := codec.Size(t, &v)
			dst, _ := codec.Append(t, buf[:0:n], &v, nil)
			var got T
			if err := codec.Decode(t, dst, &got, nil); err != nil {
				panic(err)
			}
		},
	}
}

func byHand[T any, P twin[T]](_ *testing.B, v T) ways {
	buf := make([]byte, 4096)
	src := P(&v).put(nil)
	var got T // once: a call by way of a type parameter takes it to the heap
	return ways{
		name:   "hand",
		append: func() { P(&v).put(buf[:0]) },
		entry:  func() { P(&v).into(buf) },
		decode: func() {
			got = *new(T)
			if err := P(&got).get(src); err != nil {
				panic(err)
			}
		},
		through: func() {
			dst := P(&v).into(buf)
			got = *new(T)
			if err := P(&got).get(dst); err != nil {
				panic(err)
			}
		},
	}
}

func byGob[T any](_ *testing.B, v T) ways {
	var w, all bytes.Buffer
	e, through, d := gob.NewEncoder(&w), gob.NewEncoder(&all), gob.NewDecoder(&all)
	return ways{
		name: "gob",
		append: func() {
			w.Reset()
			_ = e.Encode(&v)
		},
		through: func() {
			var got T
			if through.Encode(&v) != nil || d.Decode(&got) != nil {
				panic("gob")
			}
		},
	}
}

func byJSON[T any](_ *testing.B, v T) ways {
	return ways{
		name:   "json",
		append: func() { _, _ = json.Marshal(&v) },
		through: func() {
			src, _ := json.Marshal(&v)
			var got T
			if err := json.Unmarshal(src, &got); err != nil {
				panic(err)
			}
		},
	}
}

func BenchmarkOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.Of[Job](); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRich(b *testing.B) {
	w := byCodec(b, richSample())
	for name, f := range map[string]func(){"entry": w.entry, "decode": w.decode} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
