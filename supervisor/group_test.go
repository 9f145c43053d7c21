package supervisor_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestGroup: actors from different places of the tree join and leave a group,
// which has one Ref everywhere. Erlang: pg.
func TestGroup(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	book := startLedger(t, ctx, sup)
	group, err := actor.Group[Shelf](ctx, "readers")
	if err != nil {
		t.Fatal(err)
	}
	var empty *actor.NoMembersError
	if err := actor.Tell(ctx, group, Plain{}); !errors.As(err, &empty) {
		t.Fatal(err)
	}
	if _, err := actor.Pick(ctx, group, 0); !errors.As(err, &empty) {
		t.Fatal(err)
	}
	below, err := sup.StartSupervisor(ctx, supervisor.Spec{}, supervisor.Child{Name: "below"})
	if err != nil {
		t.Fatal(err)
	}
	a := startShelf(t, ctx, sup, supervisor.Child{Name: "a"})
	b := startShelf(t, ctx, below, supervisor.Child{Name: "b"})
	other := startShelf(t, ctx, sup, supervisor.Child{Name: "other"})
	for _, ref := range []actor.Ref[Shelf]{a, b, a} { // twice is once
		ask(t, ctx, ref, Enroll{Group: "readers"})
	}
	if again, err := actor.Group[Shelf](ctx, "readers"); err != nil || again != group {
		t.Fatal(again, err)
	}
	if elsewhere, err := actor.Group[Ledger](ctx, "readers"); err != nil || elsewhere.ID == group.ID {
		t.Fatal("a group of another protocol is the same", elsewhere, err)
	}
	if got := members(t, ctx, group); !slices.Equal(got, []actor.Ref[Shelf]{a, b}) {
		t.Fatal(got)
	}
	// From here, and from a process that has the Ref from a message.
	if err := actor.Tell(ctx, group, Plain{Seq: -1}); err != nil {
		t.Fatal(err)
	}
	ask(t, ctx, other, Fill{To: group, Keys: 1, N: 10})
	by := map[uint32]int{}
	for _, e := range entries(t, ctx, group, book) {
		by[e.Member]++
	}
	if len(by) != 2 || by[a.ID] != 11 || by[b.ID] != 11 {
		t.Fatal(by)
	}
	if _, err := actor.Ask(ctx, group, Which{}); !errors.As(err, new(*actor.RouteError)) {
		t.Fatal(err)
	}
	seen := map[actor.Ref[Shelf]]int{}
	for range 4 {
		one, err := actor.Pick(ctx, group, 0)
		if err != nil {
			t.Fatal(err)
		}
		seen[one]++
	}
	if seen[a] != 2 || seen[b] != 2 {
		t.Fatal(seen)
	}
	ask(t, ctx, a, Enroll{Group: "readers", Leave: true})
	if _, err := actor.Group[Shelf](ctx, "readers"); err != nil { // a round trip on the link
		t.Fatal(err)
	}
	if got := members(t, ctx, group); !slices.Equal(got, []actor.Ref[Shelf]{b}) {
		t.Fatal(got)
	}
	if _, err := actor.Group[Shelf](ctx, ""); err == nil {
		t.Fatal("a group without a name")
	}
	if _, err := actor.Group[Shelf](ctx, strings.Repeat("x", 1000)); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Fatal(err)
	}
}

// TestGroupLeftBeforeDown: who gets the notice of a death does not find the dead
// in the group any more; the successor joins by itself. It also finds the name
// of the dead free, and takes it, from the notice's handler.
func TestGroupLeftBeforeDown(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
	group, err := actor.Group[Shelf](ctx, "g")
	if err != nil {
		t.Fatal(err)
	}
	child := supervisor.Child{Name: "x", Restart: supervisor.Temporary, Env: []string{"SHELF_GROUP=g"}}
	stays := startShelf(t, ctx, sup, supervisor.Child{Name: "stays", Env: child.Env})
	x := startShelf(t, ctx, sup, child)
	for i := range 10 {
		down, _, err := actor.Monitor(ctx, x)
		if err != nil {
			t.Fatal(err)
		}
		p, err := os.FindProcess(ask(t, ctx, x, Which{}).PID)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		wait(t, ctx, down)
		if got := members(t, ctx, group); !slices.Equal(got, []actor.Ref[Shelf]{stays}) {
			t.Fatalf("%d: %v; the dead one was %v", i, got, x)
		}
		if err := actor.Tell(ctx, group, Plain{}); err != nil {
			t.Fatal(err)
		}
		x = startShelf(t, ctx, sup, child)
		if found, err := actor.Lookup[Shelf](ctx, "x"); err != nil || found != x {
			t.Fatal(found, err)
		}
	}
	// A restarted member is another incarnation, and joins in its Setup.
	ask(t, ctx, stays, Which{})
	if err := sup.Kill(stays.ID); err != nil {
		t.Fatal(err)
	}
	if me := ask(t, ctx, stays, Which{}); me.Incarnation != 2 {
		t.Fatal(me)
	}
	if _, err := actor.Group[Shelf](ctx, "g"); err != nil {
		t.Fatal(err)
	}
	if got := members(t, ctx, group); len(got) != 2 || !slices.Contains(got, stays) {
		t.Fatal(got)
	}
}

// TestGroupsAreForgotten: when there are too many groups, one without members
// makes room, the longest empty first. Its Ref is unknown then, in every process,
// and its name is as good as before. One with members is never forgotten.
func TestGroupsAreForgotten(t *testing.T) {
	const most = 1024
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	book := startLedger(t, ctx, sup)
	a := startShelf(t, ctx, sup, supervisor.Child{Name: "a"})
	sender := startShelf(t, ctx, sup, supervisor.Child{Name: "sender"})
	group := func(name string) actor.Ref[Shelf] {
		t.Helper()
		ref, err := actor.Group[Shelf](ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	ask(t, ctx, a, Enroll{Group: "kept"})
	kept, empty := group("kept"), group("empty")
	ask(t, ctx, sender, Fill{To: kept, Keys: 1, N: 5}) // it has both Refs, too
	if _, err := actor.Ask(ctx, sender, Fill{To: empty, N: 1, Keys: 1}); err == nil || !strings.Contains(err.Error(), "no members") {
		t.Fatal(err)
	}
	for i := range most {
		group(fmt.Sprint("passing ", i))
	}
	var unknown *actor.UnknownError
	if err := actor.Tell(ctx, empty, Plain{}); !errors.As(err, &unknown) || unknown.ID != empty.ID {
		t.Fatal(err)
	}
	for { // another process hears of it on a link of its own
		_, err := actor.Ask(ctx, sender, Fill{To: empty, N: 1, Keys: 1})
		if err != nil && strings.Contains(err.Error(), unknown.Error()) {
			break
		}
		if err == nil || !strings.Contains(err.Error(), "no members") {
			t.Fatal(err)
		}
	}
	again := group("empty")
	if again == empty {
		t.Fatal("its number is another group's now")
	}
	ask(t, ctx, a, Enroll{Group: "empty"})
	ask(t, ctx, sender, Fill{To: again, Keys: 1, N: 7})
	ask(t, ctx, sender, Fill{To: kept, Keys: 1, N: 8})
	if got := entriesOf(t, ctx, kept, book, 20); len(got) != 20 || group("kept") != kept {
		t.Fatal(len(got))
	}
	for i := range most - 2 { // with these two all have members
		ask(t, ctx, a, Enroll{Group: fmt.Sprint("full ", i)})
	}
	if _, err := actor.Group[Shelf](ctx, "one more"); err == nil || !strings.Contains(err.Error(), "1024 groups have members") {
		t.Fatal(err)
	}
	ask(t, ctx, a, Enroll{Group: "full 0", Leave: true})
	group("one more")
}
