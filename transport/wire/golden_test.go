package wire

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"
)

var exit = Exit{Addr: Addr{1, 2}, PID: 3, Kind: ExitPanic, Code: 2, Signal: 9, Asked: 1, Core: 1, Runtime: time.Nanosecond * 4, CPU: 5, MaxRSS: 6,
	Type: "t", Reason: "re", Summary: "su", Stderr: "err", Stack: "go"}

const exitHex = "01000000 02000000 0300000000000000 04 0200000000000000 09 01 01 0400000000000000 0500000000000000 0600000000000000 0100 74 0200 7265 0200 7375 0300 657272 0200 676f"

var mailboxValue = Mailbox{Queue: QueuePosix, Full: 1, Redeliver: 2, RingBytes: 3, Inline: 4, PoolBytes: 5, Segment: 6, Blocks: 7, MaxBytes: 8, Priority: 2}

const mailboxHex = "02 01 02 03000000 04000000 0500000000000000 06 07 0800000000000000 02"

// golden is each frame with the bytes that PROTOCOL.md says it has.
var golden = []struct {
	f   Frame
	hex string
}{
	{&Begin{Version: 1, Self: Addr{7, 8}, Name: "ab", Definition: "c", Mailbox: mailboxValue}, "01 01000000 07000000 08000000 0200 6162 0100 63" + mailboxHex},
	{&Ready{}, "02"},
	{&Failed{Text: "no"}, "03 0200 6e6f"},
	{&Resolve{Token: 1, ID: 2, Name: "n"}, "04 0100000000000000 02000000 0100 6e"},
	{&Target{Token: 1, State: TargetGone, ID: 3, Name: "n", Mailbox: mailboxValue, Exit: exit}, "05 0100000000000000 02 03000000 0100 6e" + mailboxHex + exitHex},
	{&Open{To: 1, Queue: QueueRing, Cells: 2, Size: 3, Bell: 1}, "06 01000000 01 02000000 03000000 01"},
	{&Lane{From: Addr{1, 2}, Name: "n", Queue: QueuePosix, Cells: 3, Size: 4, Bell: 1, Start: 5, Attempt: 6, Carry: []byte{7, 8}, Urgent: 9, CarryUrgent: 1},
		"07 01000000 02000000 0100 6e 02 03000000 04000000 01 0500000000000000 06 02000000 0708 0900000000000000 01"},
	{&Page{Peer: Addr{1, 2}, Size: 3, Bell: 1, Start: 4, Urgent: 5}, "08 01000000 02000000 03000000 01 0400000000000000 0500000000000000"},
	{&Segment{Token: 1, Peer: Addr{2, 3}, Reply: 1, ID: 4, Size: 5, Class: 6, Blocks: 7}, "09 0100000000000000 02000000 03000000 01 0400 0500000000000000 0600000000000000 07000000"},
	{&Retire{From: Addr{1, 2}}, "0a 01000000 02000000"},
	{&Drained{From: Addr{1, 2}}, "0b 01000000 02000000"},
	{&Closed{To: 3}, "1b 03000000"},
	{&Gone{ID: 1, Exit: exit}, "0c 01000000" + exitHex},
	{&AskFailed{To: 1, Ask: 2, Exit: exit}, "0d 01000000 0200000000000000" + exitHex},
	{&Monitor{Token: 1, ID: 2, How: MonitorCancel}, "0e 0100000000000000 02000000 01"},
	{&Down{Token: 1, Exit: exit}, "0f 0100000000000000" + exitHex},
	{&Stop{Reason: "r"}, "10 0100 72"},
	{&Exiting{Reason: "r"}, "11 0100 72"},
	{&Letter{From: Addr{1, 2}, To: 3, Type: 4, Size: 5, Reason: LetterUnhandled, Seq: 6, Text: "x"}, "12 01000000 02000000 03000000 0400000000000000 0500000000000000 02 0600000000000000 0100 78"},
	{&Ack{Token: 1}, "13 0100000000000000"},
	{&Types{Types: []TypeName{{ID: 1, Name: "a"}, {ID: 2, Name: "bc"}}}, "14 0200 0100000000000000 0100 61 0200000000000000 0200 6263"},
	{&Back{ID: 1}, "15 01000000"},
	{&Trap{}, "16"},
	{&Link{Token: 1, ID: 2, Cancel: 1}, "17 0100000000000000 02000000 01"},
	{&Linked{Exit: exit}, "18" + exitHex},
	{&Passage{Token: 1, Peer: Addr{2, 3}}, "19 0100000000000000 02000000 03000000"},
	{&Ended{PID: 1, Code: -1, Signal: 9, Core: 1, CPU: 2, MaxRSS: 3}, "1a 0100000000000000 ffffffffffffffff 09 01 0200000000000000 0300000000000000"},
	{&Enroll{Token: 1, Parent: 2, Sort: SortSubtree, Listed: 1, Name: "n", Definition: "d", Mailbox: mailboxValue, Watchdog: 3, Route: RouteByKey, Operator: 1, Shown: 1},
		"1c 0100000000000000 02000000 04 01 0100 6e 0100 64" + mailboxHex + "0300000000000000 03 01 01"},
	{&Enrolled{Token: 1, Child: Addr{2, 3}, Problem: "p", Program: "q", Members: []uint32{4}}, "1d 0100000000000000 02000000 03000000 0100 70 0100 71 0100 04000000"},
	{&Adopt{Child: Addr{1, 2}, StandBy: 1}, "1e 01000000 02000000 01"},
	{&Started{Child: Addr{1, 2}, PID: 3, Known: 1}, "1f 01000000 02000000 0300000000000000 01"},
	{&Below{Child: Addr{1, 2}, Frame: []byte{2}}, "20 01000000 02000000 01000000 02"},
	{&Died{Cause: 2, Successor: 3, Exit: exit}, "21 02 03000000" + exitHex},
	{&Left{ID: 1, Forgotten: 1}, "22 01000000 01"},
	{&Event{Child: Addr{1, 2}, PID: 3, What: "w", Text: "t"}, "23 01000000 02000000 0300000000000000 0100 77 0100 74"},
	{&Command{Token: 1, Text: []byte("{}")}, "24 0100000000000000 02000000 7b7d"},
	{&Answer{Token: 1, More: 1, Text: []byte("{}")}, "25 0100000000000000 01 02000000 7b7d"},
	{&Members{ID: 1, Route: RouteByKey, Name: "n", Members: []uint32{2, 3}, Exit: exit}, "26 01000000 03 0100 6e 0200 02000000 03000000" + exitHex},
	{&Group{Token: 1, Op: GroupJoin, Name: "n"}, "27 0100000000000000 02 0100 6e"},
	{&Handover{Successor: 1, Step: StepGive}, "28 01000000 02"},
	{&State{Successor: 1, What: StateValue, Type: 2, Text: "n", Size: 2, Bytes: []byte{7, 8}}, "29 01000000 01 0200000000000000 0100 6e 0200000000000000 02000000 0708"},
	{&Taken{Successor: 1, What: TakenUnknown, Type: 3, Text: "no"}, "2a 01000000 02 0300000000000000 0200 6e6f"},
	{&Leaving{ID: 1}, "2b 01000000"},
	{&Drain{}, "2c"},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGoldenFrames binds PROTOCOL.md to the code: every frame, both ways, cut
// at every byte, and with a byte too many.
func TestGoldenFrames(t *testing.T) {
	seen := map[Kind]bool{}
	for _, g := range golden {
		want := unhex(t, g.hex)
		seen[g.f.Kind()] = true
		if got := Append(nil, g.f); string(got) != string(want) {
			t.Errorf("%T is %x, want %x", g.f, got, want)
		}
		f, err := Parse(want)
		if err != nil || !reflect.DeepEqual(f, g.f) {
			t.Errorf("%T comes back as %+v, %v", g.f, f, err)
		}
		for n := range want {
			if _, err := Parse(want[:n]); err == nil {
				t.Errorf("%T: %d of %d bytes were accepted", g.f, n, len(want))
			}
		}
		if _, err := Parse(append(want, 0)); err == nil {
			t.Errorf("%T: a byte too many was accepted", g.f)
		}
	}
	for k := KindBegin; k <= lastKind; k++ {
		if !seen[k] {
			t.Errorf("frame of kind %d has no golden bytes", k)
		}
	}
	if _, err := Parse([]byte{0}); err == nil {
		t.Error("kind 0 was accepted")
	}
	if _, err := Parse([]byte{byte(lastKind) + 1}); err == nil {
		t.Error("an unknown kind was accepted")
	}
}

var block = BlockRef{Segment: 1, Index: 2, Generation: 3, Length: 4}

const blockHex = "0100 0200 03000000 0400000000000000 0000000000000000"

// TestGoldenEntry binds PROTOCOL.md to the headers of entries.
func TestGoldenEntry(t *testing.T) {
	for _, g := range []struct {
		e       Entry
		payload string
		hex     string
	}{
		{Entry{Kind: EntryTell, Type: 5}, "hi", "01 00 00 00 0500000000000000 6869"},
		{Entry{Kind: EntryAsk, Type: 5, Ask: 6, Deadline: 7}, "", "02 00 00 00 0500000000000000 0600000000000000 0700000000000000"},
		{Entry{Kind: EntryTell, Flags: FlagBlock, Type: 5, Payload: block}, "", "01 01 00 00 0500000000000000" + blockHex},
		{Entry{Kind: EntryReply, N: 1, Type: 5, Ask: 6, Lent: [MaxBlocks]BlockRef{block}}, "p", "03 00 01 00 0500000000000000 0600000000000000 0000000000000000" + blockHex + "70"},
		{Entry{Kind: EntryTell, N: 1, Type: 5, Lent: [MaxBlocks]BlockRef{{Segment: FileSegment, Index: 1, Length: 7}}}, "p",
			"01 00 01 00 0500000000000000 ffff 0100 00000000 0700000000000000 0000000000000000 70"},
	} {
		want := unhex(t, g.hex)
		b := make([]byte, g.e.Header(), len(want))
		g.e.Put(b)
		if got := string(b) + g.payload; got != string(want) {
			t.Errorf("%x, want %x", got, want)
		}
		var e Entry
		payload, err := e.Parse(want)
		if err != nil || string(payload) != g.payload || e != g.e {
			t.Errorf("%x comes back as %+v, %q, %v", want, e, payload, err)
		}
		for n := range g.e.Header() {
			if _, err := e.Parse(want[:n]); err == nil {
				t.Errorf("%d bytes of %x were accepted", n, want)
			}
		}
		if g.e.N == 0 && g.e.Flags == 0 {
			plain := make([]byte, PlainHeader(g.e.Kind))
			PutPlain(plain, g.e.Kind, g.e.Type, g.e.Ask, g.e.Deadline)
			if string(plain) != string(b) {
				t.Errorf("PutPlain makes %x, Put %x", plain, b)
			}
		}
	}
}

// FuzzParse: no bytes make Parse panic, and what it accepts is the only
// spelling of the frame.
func FuzzParse(f *testing.F) {
	for _, g := range golden {
		f.Add(Append(nil, g.f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := Parse(b)
		if err != nil {
			return
		}
		if got := Append(nil, fr); string(got) != string(b) && len(b) < MaxText {
			t.Fatalf("%x parses as %+v, which is %x", b, fr, got)
		}
	})
}

// FuzzEntry: no bytes make an entry's Parse panic, and the payload is the
// source's end.
func FuzzEntry(f *testing.F) {
	f.Add(unhex(f, "01 00 00 00 0500000000000000 6869"))
	f.Add(unhex(f, "03 00 01 00 0500000000000000 0600000000000000 0000000000000000"+blockHex+"70"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Entry
		if p, err := e.Parse(b); err == nil && e.Header()+len(p) != len(b) {
			t.Fatalf("header %d and payload %d of %d bytes", e.Header(), len(p), len(b))
		}
	})
}

// TestExitFitsAFrame: however long its texts are, a notice of a death can be
// sent.
func TestExitFitsAFrame(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	exit := Exit{Type: long, Reason: long, Summary: long, Stderr: long, Stack: long}
	for _, f := range []Frame{&Down{Exit: exit}, &Gone{Exit: exit}, &AskFailed{Exit: exit}, &Target{Exit: exit, Name: "a name"}, &Died{Exit: exit},
		&Members{Exit: exit, Name: long}, &Members{Name: long, Members: make([]uint32, MaxMembers)}} {
		b := Append(nil, f)
		if len(b) > MaxFrame {
			t.Errorf("frame of kind %d has %d bytes; at most %d can be sent", f.Kind(), len(b), MaxFrame)
		}
		if _, err := Parse(b); err != nil {
			t.Error(err)
		}
	}
}

// TestLentTell: the short forms of a tell with one lent block write and read what
// the long ones do.
func TestLentTell(t *testing.T) {
	lent := BlockRef{Segment: 3, Index: 9, Generation: 0x01020304, Length: 1 << 33}
	e := Entry{Kind: EntryTell, N: 1, Type: 0x1122334455667788, Lent: [MaxBlocks]BlockRef{lent}}
	long, short := make([]byte, e.Header()), make([]byte, LentHeader)
	e.Put(long)
	PutLentTell(short, e.Type, &lent)
	if !bytes.Equal(long, short) {
		t.Errorf("the short form is %x, the long one %x", short, long)
	}
	var got BlockRef
	typ, payload, ok := LentTellIn(append(long, "payload"...), &got)
	if !ok || typ != e.Type || string(payload) != "payload" || got != lent {
		t.Errorf("read %#x, %q, %+v, %v", typ, payload, got, ok)
	}
	for what, b := range map[string][]byte{
		"short":           long[:LentHeader-1],
		"an ask":          append([]byte{EntryAsk}, long[1:]...),
		"two blocks":      append([]byte{EntryTell, 0, 2}, long[3:]...),
		"no block":        append([]byte{EntryTell, 0, 0}, long[3:]...),
		"a payload block": append([]byte{EntryTell, FlagBlock, 1}, long[3:]...),
	} {
		if _, _, ok := LentTellIn(b, &got); ok || got != lent {
			t.Errorf("%s: taken for a tell with one lent block: %v, %+v", what, ok, got)
		}
	}
}

// TestFilesOfNoFlag: only the value 1 says that a descriptor comes, as for whoever looks
// at the descriptors: another one would leave some that nobody closes.
func TestFilesOfNoFlag(t *testing.T) {
	for flag := range 256 {
		b, more := uint8(flag), 0
		if b == 1 {
			more = 1
		}
		for _, c := range []struct {
			f    Frame
			want int
		}{
			{&Open{Queue: QueueRing, Bell: b}, 1 + more}, {&Lane{Queue: QueueUnix, Bell: b}, 2 + more},
			{&Page{Bell: b}, 1 + more}, {&Started{Known: b}, more},
		} {
			if got := Files(c.f); got != c.want {
				t.Errorf("%T with a flag of %d: %d descriptors, want %d", c.f, flag, got, c.want)
			}
		}
	}
}
