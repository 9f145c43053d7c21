package keeper

import (
	"log/slog"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestProgressOfBroken: what a sender that has broken the rules says of messages is not
// held against the actor that has closed its lane for that. A successor looks for itself.
func TestProgressOfBroken(t *testing.T) {
	for _, queue := range []string{"ring", "unix"} {
		t.Run(queue, func(t *testing.T) {
			p, open, files := neverStops(t, queue)
			p.Expect("closed")
			from, to := wire.Addr{ID: 1, Incarnation: 1}, wire.Addr{ID: 2, Incarnation: 1}
			k := New(slog.New(slog.DiscardHandler), func(Letter) {})
			defer k.Close()
			type notice struct {
				who wire.Addr
				of  uint32
			}
			var told []notice
			for _, a := range []wire.Addr{from, to} {
				k.Add(a.ID, "child", wire.Mailbox{Queue: open.Queue, RingBytes: 4096})
				k.Begin(a, "", func(f wire.Frame, hs ...*Handle) {
					if c, ok := f.(*wire.Closed); ok {
						told = append(told, notice{a, c.To})
					}
					ReleaseAll(hs)
				})
			}
			k.Frame(from, open, files)
			work := func(want bool, when string) {
				t.Helper()
				if p := k.Progress(to.ID); p.Work != want || (p.Waiting == 1) != want {
					t.Errorf("%s: %+v", when, p)
				}
			}
			work(true, "three messages wait")
			k.Frame(to, &wire.Letter{From: from, To: to.ID, Reason: wire.LetterUnhandled}, nil)
			work(true, "one was not handled")
			k.Frame(from, &wire.Letter{From: from, To: to.ID, Reason: wire.LetterCorrupt}, nil)
			work(true, "the sender says that of itself")
			if told != nil {
				t.Errorf("told of a closed lane: %v", told)
			}
			k.Frame(to, &wire.Letter{From: from, To: to.ID, Reason: wire.LetterCorrupt}, nil)
			work(false, "the lane was closed")
			if want := (notice{from, to.ID}); len(told) != 1 || told[0] != want {
				t.Errorf("told of a closed lane: %v, want %v", told, want)
			}
			k.Died(&wire.Exit{Addr: to}, tree.Own)
			to.Incarnation++
			k.Begin(to, "", func(_ wire.Frame, hs ...*Handle) { ReleaseAll(hs) })
			work(true, "a successor has not closed it")
		})
	}
}
