package mailbox_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestHandlersOfOnePlace: types whose identities are alike where the table looks first
// have each its own handler, and one that has none is not found.
func TestHandlersOfOnePlace(t *testing.T) {
	for _, apart := range []codec.ID{1, 1 << 20} { // side by side, and all in one place
		for count := range codec.ID(9) {
			all := map[codec.ID]mailbox.Handler{}
			var called codec.ID
			for k := range count {
				id := 7 + k*apart
				all[id] = func(*mailbox.Message, []byte) error { called = id; return nil }
			}
			h := mailbox.NewHandlers(all)
			for id := range all {
				if do := h.Of(id); do == nil || do(nil, nil) != nil || called != id {
					t.Errorf("%d types, %d apart: %#x has the handler of %#x", count, apart, uint64(id), uint64(called))
				}
			}
			for _, id := range []codec.ID{7 + count*apart, 6, 7 + 1<<40} {
				if h.Of(id) != nil {
					t.Errorf("%d types, %d apart: %#x has a handler", count, apart, uint64(id))
				}
			}
			listed := 0
			for id := range h.All() {
				if listed++; all[id] == nil {
					t.Errorf("%#x is listed", uint64(id))
				}
			}
			if listed != len(all) {
				t.Errorf("%d of %d types are listed", listed, count)
			}
			for range h.All() {
				break // who has seen enough is not given more
			}
		}
	}
}

// TestRunEndsWithALentOne: what a handler of a message with a lent buffer says, or sets,
// ends Run before the next message, whatever that is.
func TestRunEndsWithALentOne(t *testing.T) {
	type other struct{ Lent mailbox.Buffer }
	for _, how := range []string{"stop", "system", "error", "error of the second", "a type without a handler"} {
		for _, next := range []string{"flat", "lent"} {
			t.Run(how+" then "+next, func(t *testing.T) {
				out, in := pair(t, mailbox.Config{}.Wire())
				defer in.Close()
				defer out.Close()
				var stop, system atomic.Bool
				handled := 0
				h := mailbox.NewHandlers(map[codec.ID]mailbox.Handler{
					typeOf[numbered](t).ID(): func(*mailbox.Message, []byte) error { handled++; return nil },
					typeOf[blob](t).ID(): func(*mailbox.Message, []byte) error {
						handled++
						stop.Store(how == "stop")
						system.Store(how == "system")
						if how == "error" || how == "error of the second" && handled == 2 {
							return errOdd
						}
						return nil
					},
				})
				lend := func() mailbox.Buffer {
					b, err := out.Lend(10)
					if err != nil {
						t.Fatal(err)
					}
					return b
				}
				tell := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				first, failed := 1, 0
				if how == "a type without a handler" {
					first = 0
					tell(mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[other](t), &other{lend()}))
				} else {
					tell(mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[blob](t), &blob{lend()}))
				}
				switch how {
				case "error":
					failed = 1
				case "error of the second":
					first, failed = 2, 1
					tell(mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[blob](t), &blob{lend()}))
				}
				if next == "flat" {
					tell(mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[numbered](t), &numbered{1}))
				} else {
					tell(mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[blob](t), &blob{lend()}))
				}
				var m mailbox.Message
				if !in.Look(&m) {
					t.Fatal("nothing has come")
				}
				n, err := in.Run(&m, h, 10, &stop, &system)
				if handled != first || errors.Is(err, errOdd) != (failed == 1) {
					t.Fatalf("%d were handled, want %d; %v", handled, first, err)
				}
				if n != first-failed {
					t.Errorf("Run says %d, %v", n, err)
				}
				if again, _ := in.Run(&m, h, 10, &stop, &system); err != nil && (again != 0 || !in.Look(&m)) {
					t.Errorf("one is in hand, and Run says %d", again)
				}
			})
		}
	}
}
