package mailbox_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

type note struct{ Text string }

type portrait struct {
	Name string
	Data mailbox.Buffer
}

// TestChoice: what Choose says is what Send does, just below and just above each
// limit, and it names the number that decided.
func TestChoice(t *testing.T) {
	for _, c := range []struct {
		cfg  mailbox.Config
		size int // of the encoding
		want mailbox.Way
		why  string
	}{
		{mailbox.Config{}, 200, mailbox.WayInline, fmt.Sprintf("%d (Config.Inline, the default)", mailbox.DefaultInline)},
		{mailbox.Config{}, mailbox.DefaultInline, mailbox.WayInline, "fit into an entry"},
		{mailbox.Config{}, mailbox.DefaultInline + 1, mailbox.WayBlock, "can have 67108864"},
		{mailbox.Config{Inline: 1000}, 1000, mailbox.WayInline, "1000 (Config.Inline)"},
		{mailbox.Config{Inline: 1000}, 1001, mailbox.WayBlock, "1000 (Config.Inline)"},
		{mailbox.Config{RingBytes: 4096, Inline: 1000, PoolBytes: 8192}, 8192, mailbox.WayBlock, "8192"},
		{mailbox.Config{RingBytes: 4096, PoolBytes: 8192}, 1000, mailbox.WayBlock, "room for"},
		{mailbox.Config{PoolBytes: 8192}, 8193, mailbox.WayWhole, "over the largest block, 8192"},
		{mailbox.Config{PoolBytes: 8192, MaxBytes: 9000}, 9000, mailbox.WayWhole, "allows 9000"},
		{mailbox.Config{PoolBytes: 8192, MaxBytes: 9000}, 9001, mailbox.WayNone, "over the limit of 9000"},
		{mailbox.Config{MaxBytes: 9000}, 9001, mailbox.WayNone, "raise mailbox.Config.MaxBytes"},
		{mailbox.Config{Blocks: "arena", PoolBytes: 8192}, 8193, mailbox.WayWhole, "over the largest block, 8192"},
	} {
		out, in := pair(t, c.cfg.Wire())
		nt := typeOf[note](t)
		m := note{strings.Repeat("x", c.size-2)} // its length takes 2 bytes
		got, err := mailbox.ChooseFor(out, nt, &m)
		if err != nil || got.Way != c.want || !strings.Contains(got.Why, c.why) || got.Size != c.size {
			t.Errorf("%+v, %d bytes: %v %+v, want %v because of %q", c.cfg, c.size, err, got, c.want, c.why)
		}
		before := out.Traffic()
		err = mailbox.Send(out, wire.EntryTell, 0, 0, nt, &m)
		after := out.Traffic()
		did := mailbox.WayNone
		switch {
		case after.Small > before.Small:
			did = mailbox.WayInline
		case after.Whole > before.Whole:
			did = mailbox.WayWhole
		case after.Large > before.Large:
			did = mailbox.WayBlock
		}
		var size *transport.SizeError
		if did != c.want || (err != nil) != (c.want == mailbox.WayNone) || err != nil && !errors.As(err, &size) {
			t.Errorf("%+v, %d bytes: sent as %v, %v; want %v", c.cfg, c.size, did, err, c.want)
		}
		out.Close()
		in.Close()
	}
}

// TestChoiceLent: a message with a buffer is told apart, and counted.
func TestChoiceLent(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	b, err := out.Lend(5000)
	if err != nil {
		t.Fatal(err)
	}
	pt := typeOf[portrait](t)
	m := portrait{"p", b}
	got, err := mailbox.ChooseFor(out, pt, &m)
	if err != nil || got.Way != mailbox.WayLent || got.Size != 5000 || !strings.Contains(got.Why, "inline") {
		t.Errorf("%v %+v", err, got)
	}
	if b.Len() != 5000 || b.Bytes() == nil {
		t.Error("choosing has used the buffer up")
	}
	if err := mailbox.Send(out, wire.EntryTell, 0, 0, pt, &m); err != nil {
		t.Fatal(err)
	}
	if n := out.Traffic(); n.Lent != 1 || n.Large != 1 || n.Small != 0 {
		t.Errorf("%+v", n)
	}
}

// TestMeasure: every size was measured in every way, and what is made of it is
// in bounds. What a machine finds is not judged.
func TestMeasure(t *testing.T) {
	m, err := mailbox.Measure()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v: inline up to %d, lent from %d", m, m.Inline(), m.LentFrom())
	if len(m.Block) != 7 || len(m.Lent) != 7 {
		t.Fatalf("%d and %d sizes", len(m.Block), len(m.Lent))
	}
	for i := range m.Block {
		if b, l := m.Block[i], m.Lent[i]; b.Copy <= 0 || b.Map <= 0 || l.Copy <= 0 || l.Map <= 0 || b.Size != 512<<i || l.Size != b.Size {
			t.Errorf("%+v %+v", b, l)
		}
	}
	if w := (mailbox.Config{Inline: mailbox.Measured}).Wire(); w.Inline < 1<<10 || w.Inline > 16<<10 {
		t.Errorf("a measured threshold of %d", w.Inline)
	}
}

// TestMeets: one size that goes the other way moves the crossing above it, and
// the threshold is the size before it, within bounds.
func TestMeets(t *testing.T) {
	for _, c := range []struct {
		copies, maps []time.Duration
		meets        int
		inline       int
	}{
		{[]time.Duration{1, 5, 5}, []time.Duration{2, 3, 4}, 2048, 1024},
		{[]time.Duration{3, 2, 5}, []time.Duration{2, 3, 4}, 4096, 2048},
		{[]time.Duration{3, 3, 3}, []time.Duration{4, 4, 4}, 0, 16384},
		{[]time.Duration{3, 3, 3}, []time.Duration{3, 3, 3}, 1024, 1024},
		{nil, nil, 0, 16384},
	} {
		var m mailbox.Measurement
		for i := range c.copies {
			m.Block = append(m.Block, mailbox.Crossing{Size: 1024 << i, Copy: c.copies[i], Map: c.maps[i]})
		}
		if got := mailbox.Meets(m.Block); got != c.meets || m.Inline() != c.inline {
			t.Errorf("%v against %v meet at %d, inline %d; want %d and %d", c.copies, c.maps, got, m.Inline(), c.meets, c.inline)
		}
	}
}

// TestDefaultRing: a ring is large where that takes no memory, and small where all of it would
// be taken at once.
func TestDefaultRing(t *testing.T) {
	const what = "UNDERSTUDY_TEST_DEFAULT_RING" // of a process of this binary that says it
	if os.Getenv(what) != "" {
		fmt.Println("ring", (mailbox.Config{}).Wire().RingBytes, segment.Sparse())
		return
	}
	for form, size := range map[string]int{"memfd": mailbox.DefaultRingBytes, "shm": mailbox.DefaultRingBytes / 4} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDefaultRing$", "-test.v")
		cmd.Env = append(os.Environ(), what+"=1", segment.Variable+"="+form)
		out, err := cmd.CombinedOutput()
		if want := fmt.Sprint("ring ", size, " ", form == "memfd"); err != nil || !strings.Contains(string(out), want) {
			if form == "memfd" && strings.Contains(string(out), fmt.Sprint("ring ", mailbox.DefaultRingBytes/4, " false")) {
				t.Log("this machine reserves all memory of a memfd, or has none")
				continue
			}
			t.Errorf("%s: want %q: %v\n%s", form, want, err, out)
		}
	}
}
