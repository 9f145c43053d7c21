package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestPoolRoundRobin: everybody gets a turn, and so from a process that got the
// Ref in a message.
func TestPoolRoundRobin(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	book := startLedger(t, ctx, sup)
	pool := startPool(t, ctx, sup, supervisor.Pool{Size: 3})
	seen := map[int]int{}
	for range 6 {
		seen[ask(t, ctx, pool, Which{}).PID]++
	}
	if counts := slices.Sorted(maps.Values(seen)); !slices.Equal(counts, []int{2, 2, 2}) {
		t.Fatal(seen)
	}
	sender := startShelf(t, ctx, sup, supervisor.Child{Name: "sender"})
	if me := ask(t, ctx, sender, Fill{To: pool, Keys: 1, N: 30}); seen[me.PID] > 0 {
		t.Fatal("the sender is a member")
	}
	by := map[uint32]int{}
	for _, e := range entries(t, ctx, pool, book) {
		by[e.Member]++
	}
	if counts := slices.Sorted(maps.Values(by)); !slices.Equal(counts, []int{10, 10, 10}) {
		t.Fatal(by)
	}
	if found, err := supervisor.Find(sup, shelf, "shelf"); err != nil || found != pool {
		t.Fatal(found, err)
	}
	if found, err := actor.Lookup[Shelf](ctx, "shelf"); err != nil || found != pool {
		t.Fatal(found, err)
	}
}

// TestPoolIsNoProcess: what kills or replaces a process says what to do with a pool, which
// has none.
func TestPoolIsNoProcess(t *testing.T) {
	poolEverywhere(t, func(t *testing.T, at poolPlace) {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		_, pool := at(t, ctx, sup, supervisor.Pool{Size: 1})
		if err := sup.Kill(pool.ID); !errors.Is(err, supervisor.ErrNotRunning) || !strings.Contains(err.Error(), "without a process of its own") {
			t.Error(err)
		}
		if err := sup.Replace(ctx, pool.ID, supervisor.Replacement{}); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "ReplaceAll of the supervisor that Below returns") {
			t.Error(err)
		}
		ask(t, ctx, pool, Which{})
	})
}

// TestPoolLeastLoaded: a member that does not get on gets nothing more.
func TestPoolLeastLoaded(t *testing.T) { poolEverywhere(t, testPoolLeastLoaded) }

func testPoolLeastLoaded(t *testing.T, at poolPlace) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 3, Route: supervisor.LeastLoaded})
	all := members(t, ctx, pool)
	stopped := ask(t, ctx, all[1], Which{}).PID
	if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(stopped, syscall.SIGCONT)
	r.until(t, ctx, "the stop", func() bool { return len(r.kinds(supervisor.EventSuspended)) > 0 }) // a signal takes its time
	for range unread(20) {
		if err := actor.Tell(ctx, all[1], Plain{}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[int]int{}
	for range 50 {
		seen[ask(t, ctx, pool, Which{}).PID]++
	}
	if len(seen) != 2 || seen[stopped] > 0 {
		t.Fatal(seen, stopped)
	}
	if err := syscall.Kill(stopped, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	ask(t, ctx, all[1], Which{}) // it has handled the rest
	for seen[stopped] == 0 {
		seen[ask(t, ctx, pool, Which{}).PID]++
	}
}

// TestPoolByKey: each key has one member, whoever sends, and its messages come
// in order, although members are killed meanwhile.
func TestPoolByKey(t *testing.T) { poolEverywhere(t, testPoolByKey) }

func testPoolByKey(t *testing.T, at poolPlace) {
	const senders, keys = 2, 16
	n := testutil.Rounds(400, 20000) / keys * keys
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	book := startLedger(t, ctx, sup)
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 3, Route: supervisor.ByKey, Intensity: 1000})
	var wg sync.WaitGroup
	for i := range senders {
		ref := startShelf(t, ctx, sup, supervisor.Child{Name: fmt.Sprint("sender", i)})
		wg.Go(func() {
			if _, err := actor.Ask(ctx, ref, Fill{To: pool, From: i, Keys: keys, N: n}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, m := range members(t, ctx, pool) {
		ask(t, ctx, m, Which{})
		if err := sup.Kill(m.ID); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	// Handled once more is possible, for the message that was in hand at a
	// kill; out of order, or by another member, is not.
	owner, next := map[int]uint32{}, map[[2]int]int{}
	for _, e := range entries(t, ctx, pool, book) {
		if o := owner[e.Key]; o != 0 && o != e.Member {
			t.Fatalf("key %d was at member %d and at %d", e.Key, o, e.Member)
		}
		owner[e.Key] = e.Member
		k := [2]int{e.From, e.Key}
		if e.Seq == next[k]-1 {
			continue
		}
		if e.Seq != next[k] {
			t.Fatalf("key %d of sender %d: %d after %d", e.Key, e.From, e.Seq, next[k]-1)
		}
		next[k]++
	}
	for f := range senders {
		for k := range keys {
			if got := next[[2]int{f, k}]; got != n/keys {
				t.Errorf("key %d of sender %d: %d of %d", k, f, got, n/keys)
			}
		}
	}
	if used := len(slices.Compact(slices.Sorted(maps.Values(owner)))); used != 3 {
		t.Errorf("%d members have keys", used)
	}
}

// TestPoolMemberGone: a member that has ended for good leaves, and takes only
// its own keys along; the last one takes the pool.
func TestPoolMemberGone(t *testing.T) { poolEverywhere(t, testPoolMemberGone) }

func testPoolMemberGone(t *testing.T, at poolPlace) {
	var mu sync.Mutex
	var letters []supervisor.Letter
	ctx, sup, r := newSup(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
		mu.Lock()
		defer mu.Unlock()
		letters = append(letters, l)
	}})
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 3, Route: supervisor.ByKey, Member: supervisor.Child{Restart: supervisor.Temporary}})
	down, _, err := actor.Monitor(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	owners := func() map[int]int {
		m := map[int]int{}
		for k := range 60 {
			m[k] = ask(t, ctx, pool, Owner{Key: k}).PID
		}
		return m
	}
	before := owners()
	all := members(t, ctx, pool)
	for i, m := range all {
		pid := ask(t, ctx, m, Which{}).PID
		gone, _, err := actor.Monitor(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			// What it has not read when it ends is told to be lost.
			err = syscall.Kill(pid, syscall.SIGSTOP)
			r.until(t, ctx, "the stop", func() bool { return len(r.kinds(supervisor.EventSuspended)) > 0 })
			for range 5 {
				err = errors.Join(err, actor.Tell(ctx, m, End{}))
			}
			err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
		} else {
			err = actor.Tell(ctx, m, End{})
		}
		if err != nil {
			t.Fatal(err)
		}
		wait(t, ctx, gone)
		if i == len(all)-1 {
			break
		}
		after := owners()
		for k, o := range before {
			if o == pid == (after[k] == o) {
				t.Fatalf("key %d was at %d and is at %d; %d has gone", k, o, after[k], pid)
			}
		}
		before = after
	}
	if d := wait(t, ctx, down); d.ID != pool.ID || d.Exit.Reason != actor.ReasonNormal {
		t.Fatal(d)
	}
	gone := new(actor.GoneError)
	if err := actor.Tell(ctx, pool, Put{}); !errors.As(err, &gone) || path.Base(gone.Name) != "shelf" {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, pool, Owner{}); !errors.As(err, &gone) {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(letters) != 4 || letters[0].Reason != supervisor.LetterUnread {
		t.Fatal(letters)
	}
}

// TestPoolBroadcast: everybody gets a message, and an error says who did not.
func TestPoolBroadcast(t *testing.T) { poolEverywhere(t, testPoolBroadcast) }

func testPoolBroadcast(t *testing.T, at poolPlace) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	book := startLedger(t, ctx, sup)
	_, pool := at(t, ctx, sup, supervisor.Pool{Name: "all", Size: 3, Route: supervisor.Broadcast,
		Member: supervisor.Child{Mailbox: mailbox.Config{Full: mailbox.Fail}}})
	if err := actor.Tell(ctx, pool, Plain{Seq: 7}); err != nil {
		t.Fatal(err)
	}
	all := members(t, ctx, pool)
	if got := entries(t, ctx, pool, book); len(got) != 3 {
		t.Fatal(got)
	}
	refused := new(actor.RouteError)
	if _, err := actor.Ask(ctx, pool, Which{}); !errors.As(err, &refused) || path.Base(refused.Pool) != "all" {
		t.Fatal(err)
	}
	data, err := actor.LendAll(ctx, []actor.Ref[Shelf]{pool}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, pool, Large{Data: data}); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, ctx, pool, book); len(got) != 6 {
		t.Fatal(got)
	}

	stopped := ask(t, ctx, all[2], Which{}).PID
	if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(stopped, syscall.SIGCONT)
	r.until(t, ctx, "the stop", func() bool { return len(r.kinds(supervisor.EventSuspended)) > 0 })
	for err == nil {
		err = actor.Tell(ctx, all[2], Plain{})
	}
	if !errors.Is(err, actor.ErrFull) {
		t.Fatal(err)
	}
	for { // the others get it whether or not they lag behind
		err = actor.Tell(ctx, pool, Plain{Seq: 8})
		who, some := new(actor.MemberError), new(actor.TellAllError)
		if !errors.As(err, &who) || !errors.Is(err, actor.ErrFull) || !errors.As(err, &some) || some.Of != 3 {
			t.Fatal(err)
		}
		if who.ID == all[2].ID && strings.HasSuffix(who.Name, "all/3") {
			break
		}
	}
	if err := syscall.Kill(stopped, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for err = actor.ErrFull; errors.Is(err, actor.ErrFull) && ctx.Err() == nil; {
		_, err = actor.Ask(ctx, all[2], Which{})
	}
	eights := 0
	for _, e := range entries(t, ctx, pool, book) {
		if e.Seq == 8 {
			eights++
		}
	}
	if eights != 2 {
		t.Fatal(eights)
	}
}

// TestPoolOne: what only one member can do is done with the one that Pick
// chooses, and refused otherwise.
func TestPoolOne(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	pool := startPool(t, ctx, sup, supervisor.Pool{Size: 2, Route: supervisor.ByKey})
	refused := new(actor.RouteError)
	if _, err := actor.Lend(ctx, pool, 10); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, pool, Plain{}); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	for key := range 8 {
		one, err := actor.Pick(ctx, pool, uint64(key))
		if err != nil {
			t.Fatal(err)
		}
		data, err := actor.Lend(ctx, one, 100<<10)
		if err != nil {
			t.Fatal(err)
		}
		if me := ask(t, ctx, one, Weigh{Data: data}); me.Incarnation != 100<<10 || me.PID != ask(t, ctx, pool, Owner{Key: key}).PID {
			t.Fatal(me)
		}
	}
	if one, err := actor.Pick(ctx, members(t, ctx, pool)[0], 0); err != nil || one != members(t, ctx, pool)[0] {
		t.Fatal(one, err)
	}
}

// TestPoolRestarted: a pool whose members die too often is restarted with their
// mailboxes; one that is terminated is gone, and comes back by Restart.
func TestPoolRestarted(t *testing.T) { poolEverywhere(t, testPoolRestarted) }

func testPoolRestarted(t *testing.T, at poolPlace) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 5})
	over, pool := at(t, ctx, sup, supervisor.Pool{Size: 1})
	if err := sup.Resize(ctx, pool.ID, 2); err != nil {
		t.Fatal(err)
	}
	all := members(t, ctx, pool)
	for range 2 {
		ask(t, ctx, all[0], Which{})
		if err := sup.Kill(all[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	r.until(t, ctx, "the restart of the pool", func() bool {
		return slices.ContainsFunc(r.all(), func(e supervisor.Event) bool { return e.Kind == supervisor.EventRestarting && e.ID == pool.ID })
	})
	for range 4 {
		ask(t, ctx, pool, Which{})
	}
	if got := members(t, ctx, pool); !slices.Equal(got, all) {
		t.Fatal(got, all)
	}
	if err := over.Terminate(ctx, pool.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, pool, Which{}); !errors.As(err, new(*actor.GoneError)) {
		t.Fatal(err)
	}
	if err := over.Restart(ctx, pool.ID); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		ask(t, ctx, pool, Which{})
	}
}

// TestPoolValidate lists problems together.
func TestPoolValidate(t *testing.T) {
	err := supervisor.Pool{Size: 0, Route: 9, Member: supervisor.Child{Name: "x"}}.Validate()
	for _, want := range []string{"Size 0", "Route 9", "Name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not speak of %s", err, want)
		}
	}
}

// TestPoolNoAllocation: routing allocates nothing.
func TestPoolNoAllocation(t *testing.T) {
	testutil.Threads(t, 256)
	testutil.Descriptors(t, 128)
	if testutil.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	if os.Getenv("UNDERSTUDY_NOTIFIER") == "eventfd" {
		t.Skip("who sleeps at an eventfd allocates: UNDERSTUDY_NOTIFIER is eventfd")
	}
	if unread(200) < 200 {
		t.Skip("who waits for room allocates: UNDERSTUDY_QUEUE is a form that holds few messages")
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ctx = context.WithoutCancel(ctx)
	for _, route := range []supervisor.Route{supervisor.RoundRobin, supervisor.LeastLoaded, supervisor.ByKey, supervisor.Broadcast} {
		pool := startPool(t, ctx, sup, supervisor.Pool{Name: route.String(), Size: 3, Route: route})
		for _, m := range members(t, ctx, pool) { // opens the lanes
			for range 5 {
				ask(t, ctx, m, Owner{})
			}
		}
		key := 0
		tell := testing.AllocsPerRun(200, func() {
			key++
			if err := actor.Tell(ctx, pool, Put{From: -1, Key: key}); err != nil {
				t.Fatal(err)
			}
		})
		ask := 0.0
		if route != supervisor.Broadcast {
			ask = testing.AllocsPerRun(200, func() {
				key++
				if _, err := actor.Ask(ctx, pool, Owner{Key: key}); err != nil {
					t.Fatal(err)
				}
			})
		}
		if ask != 0 || tell != 0 {
			t.Errorf("%v: an ask allocates %v times, a tell %v times", route, ask, tell)
		}
	}
}
