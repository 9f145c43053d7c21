package keeper

import (
	"log/slog"
	"testing"

	"github.com/understudy-go/understudy/transport/wire"
)

// TestParkedQuestions: a sender of which maxUnread earlier incarnations are unread waits, as
// often as it may, is told of once, and has its answers when one of these was read. What it
// asks beyond that is answered at once: the mailbox is full.
func TestParkedQuestions(t *testing.T) {
	k := New(slog.New(slog.DiscardHandler), func(Letter) {})
	k.Add(0, "root", wire.Mailbox{})
	k.Add(1, "sender", wire.Mailbox{})
	k.Add(2, "receiver", wire.Mailbox{Full: fullWait})
	answers := map[uint8]int{}
	k.Begin(at(1, 9), "", func(f wire.Frame, files ...*Handle) {
		ReleaseAll(files)
		if f, ok := f.(*wire.Target); ok {
			answers[f.State]++
		}
	})
	var crowds int
	k.Crowded = func(uint32, wire.Addr) { crowds++ }
	for i := range uint32(maxUnread) {
		from := at(1, 1+i)
		k.lanes[laneKey{from, 2}] = &held{laneKey: laneKey{from, 2}, retired: true}
	}
	var others []parked // a question of another process, and one about another receiver
	for range maxParked {
		others = append(others, parked{at(3, 9), wire.Resolve{ID: 2}}, parked{at(1, 9), wire.Resolve{ID: 4}})
	}
	k.parked = others
	for i := range uint32(maxParked + 3) {
		k.resolve(at(1, 9), &wire.Resolve{Token: uint64(i), ID: 2})
	}
	if crowds != 1 || len(k.parked) != len(others)+maxParked || len(answers) != 1 || answers[wire.TargetFull] != 3 {
		t.Fatalf("told of %d times, %d wait, answers by state: %v", crowds, len(k.parked), answers)
	}
	if k.resolve(at(1, 9), &wire.Resolve{Name: "receiver"}); answers[wire.TargetAlive] != 1 {
		t.Error("it cannot ask for a number")
	}
	answers[wire.TargetAlive] = 0
	delete(k.lanes, laneKey{at(1, 1), 2})
	k.unpark(laneKey{at(1, 1), 2})
	if len(k.parked) != len(others) || answers[wire.TargetAlive] != maxParked {
		t.Errorf("when one was read %d wait, answers by state: %v", len(k.parked), answers)
	}
}
