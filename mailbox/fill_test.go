package mailbox_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestFill: it copies what there is room for, to where it is told.
func TestFill(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	const n = 100_000
	b, err := out.Lend(n)
	if err != nil {
		t.Fatal(err)
	}
	copies := mailbox.Copies(out)
	src := bytes.Repeat([]byte("0123456789"), n/10)
	if k := b.Fill(0, src[:60_000]); k != 60_000 {
		t.Errorf("%d bytes were copied of 60,000", k)
	}
	if k := b.Fill(60_000, src); k != n-60_000 {
		t.Errorf("%d bytes were copied, and there was room for %d", k, n-60_000)
	}
	if k := b.Fill(n, src); k != 0 {
		t.Errorf("%d bytes were copied behind the end", k)
	}
	if !bytes.Equal(b.Bytes(), src) || *copies != 3 {
		t.Errorf("other bytes, or by %d copies of the lane's", *copies)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic of a place out of range")
			}
		}()
		b.Fill(n+1, src)
	}()
	if (mailbox.Buffer{}).Fill(0, src) != 0 {
		t.Error("the zero Buffer was filled")
	}
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic of a buffer that was given back")
		}
	}()
	b.Fill(0, src)
}

// TestBulkIsCopied: large slices and strings are copied by the lane's own copy, wherever they stand.
func TestBulkIsCopied(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	copies := mailbox.Copies(out)
	type letter struct {
		Name string
		Text []byte
		Scan codec.View
		Tags []uint32
		Page string
	}
	typ, err := codec.Of[letter]()
	if err != nil {
		t.Fatal(err)
	}
	sent := letter{"x", bytes.Repeat([]byte{1}, 50_000), bytes.Repeat([]byte{2}, 50_000), []uint32{3, 4}, strings.Repeat("3", 50_000)}
	if err := mailbox.Send(out, wire.EntryTell, 0, 0, typ, &sent); err != nil {
		t.Fatal(err)
	}
	if *copies != 3 {
		t.Errorf("%d copies of two large slices and a string", *copies)
	}
	var m mailbox.Message
	var got letter
	if err := errors.Join(in.Next(&m), mailbox.Decode(&m, typ, &got)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Text, sent.Text) || !bytes.Equal(got.Scan, sent.Scan) || got.Name != "x" || got.Page != sent.Page || got.Tags[1] != 4 {
		t.Error("something else came")
	}
	in.Done(&m)
}

// TestBulkOfOthersIsCopied: so are a buffer of another lane, and what a cast puts into a
// block of each receiver's.
func TestBulkOfOthersIsCopied(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	other, end := pair(t, mailbox.Config{}.Wire())
	defer end.Close()
	defer other.Close()
	foreign, err := other.Lend(50_000)
	if err != nil {
		t.Fatal(err)
	}
	pixels, caption := bytes.Repeat([]byte{1}, 50_000), bytes.Repeat([]byte{2}, 50_000)
	foreign.Fill(0, pixels)
	typ := typeOf[picture](t)
	cast, err := mailbox.NewCast(nil, typ, &picture{Pixels: foreign, Caption: caption})
	if err != nil {
		t.Fatal(err)
	}
	defer cast.End(true)
	copies := mailbox.Copies(out)
	if err := cast.To(out); err != nil {
		t.Fatal(err)
	}
	if *copies != 2 {
		t.Errorf("%d copies of a buffer and a payload", *copies)
	}
	var m mailbox.Message
	var got picture
	if err := errors.Join(in.Next(&m), mailbox.Decode(&m, typ, &got)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Pixels.Bytes(), pixels) || !bytes.Equal(got.Caption, caption) {
		t.Error("something else came")
	}
	in.Done(&m)
}
