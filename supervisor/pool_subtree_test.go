package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// poolPlace starts a pool somewhere, and says whose child it is.
type poolPlace func(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, p supervisor.Pool) (*supervisor.Supervisor, actor.Ref[Shelf])

// poolEverywhere runs a test of pools for a child of the root, and for one of a
// supervisor in a process of its own.
func poolEverywhere(t *testing.T, test func(t *testing.T, at poolPlace)) {
	testutil.Threads(t, 256)
	t.Run("root", func(t *testing.T) {
		test(t, func(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, p supervisor.Pool) (*supervisor.Supervisor, actor.Ref[Shelf]) {
			return sup, startPool(t, ctx, sup, p)
		})
	})
	t.Run("subtree", func(t *testing.T) {
		test(t, func(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, p supervisor.Pool) (*supervisor.Supervisor, actor.Ref[Shelf]) {
			sub, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			ref, err := supervisor.StartPool(ctx, sub, shelf, p)
			if err != nil {
				t.Fatal(err)
			}
			return sub, ref
		})
	})
}

// library is a supervisor with a pool, and annex is the same below it.
var (
	library = supervisor.Define("library", func() (spec supervisor.Spec, err error) {
		spec = poolSpec()
		if os.Getenv("LIBRARY") != "" {
			spec.Children = append(spec.Children, supervisor.Child{Subtree: annex})
		}
		return spec, nil
	})
	annex = supervisor.Define("annex", func() (supervisor.Spec, error) { return poolSpec(), nil })
)

func poolSpec() supervisor.Spec {
	p := supervisor.Pool{Size: 3, Route: supervisor.ByKey, Intensity: 1000}
	return supervisor.Spec{Intensity: 1000, Children: []supervisor.Child{p.Child(shelf)}}
}

func startLibrary(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, env ...string) *supervisor.Supervisor {
	t.Helper()
	sub, err := supervisor.StartSubtree(ctx, sup, library, supervisor.Child{Stderr: io.Discard, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func findShelf(t testing.TB, sup *supervisor.Supervisor, path string) actor.Ref[Shelf] {
	t.Helper()
	ref, err := supervisor.Find(sup, shelf, path)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestPoolBelowSubtree: a pool that is listed below supervisors in processes of
// their own, over two levels, has one Ref for everybody: the root, an actor that
// finds it by name, and one that got it in a message. Its members are processes
// of its supervisor.
func TestPoolBelowSubtree(t *testing.T) {
	testutil.Threads(t, 256)
	testutil.Descriptors(t, 128)
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	book := startLedger(t, ctx, sup)
	sub := startLibrary(t, ctx, sup, "LIBRARY=1")
	annex, err := sub.Below("annex")
	if err != nil {
		t.Fatal(err)
	}
	sender := startShelf(t, ctx, sup, supervisor.Child{Name: "sender"})
	for i, s := range []*supervisor.Supervisor{sub, annex} {
		pool := findShelf(t, s, "shelf")
		all := members(t, ctx, pool)
		if len(all) != 3 {
			t.Fatal(all)
		}
		parents := map[int]bool{}
		for k, m := range all {
			parents[parentOf(ask(t, ctx, m, Which{}).PID)] = true
			if found := findShelf(t, s, fmt.Sprint("shelf/", k+1)); found != m {
				t.Errorf("member %d is %v, and %v by its name", k+1, m, found)
			}
		}
		if len(parents) != 1 || parents[os.Getpid()] {
			t.Errorf("parents %v", parents)
		}
		ask(t, ctx, sender, Fill{To: pool, From: i, Keys: 8, N: 80})
		for k := range 8 {
			picked, err := actor.Pick(ctx, pool, uint64(k))
			if err != nil || ask(t, ctx, picked, Which{}) != ask(t, ctx, pool, Owner{Key: k}) {
				t.Errorf("key %d: %v, %v", k, picked, err)
			}
		}
		name := [...]string{"library/shelf", "library/annex/shelf"}[i]
		if found, err := actor.Lookup[Shelf](ctx, name); err != nil || found != pool {
			t.Errorf("%s is %v: %v", name, found, err)
		}
		if got := entriesOf(t, ctx, pool, book, 80*(i+1)); len(got) != 80*(i+1) {
			t.Errorf("%d entries", len(got))
		}
	}
}

// TestPoolOutlivesSubtree: the process of the supervisor is killed again and again
// while others send to the pool: its members, also those that Resize has added,
// and none that it has taken away, come back with what is unread, for the same
// keys.
func TestPoolOutlivesSubtree(t *testing.T) {
	testutil.Threads(t, 256)
	const keys = 16
	n := testutil.Rounds(800, 40000) / keys * keys
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 1000})
	book := startLedger(t, ctx, sup)
	startLibrary(t, ctx, sup)
	pool := findShelf(t, sup, "library/shelf")
	var wg sync.WaitGroup
	ref := startShelf(t, ctx, sup, supervisor.Child{Name: "sender"})
	if err := sup.Resize(ctx, pool.ID, 5); err != nil {
		t.Fatal(err)
	}
	if err := sup.Resize(ctx, pool.ID, 4); err != nil {
		t.Fatal(err)
	}
	all := members(t, ctx, pool)
	wg.Go(func() {
		if _, err := actor.Ask(ctx, ref, Fill{To: pool, Keys: keys, N: n}); err != nil {
			t.Error(err)
		}
	})
	kills := testutil.Rounds(3, 60)
	for i := range kills {
		if err := syscall.Kill(pidOf(t, sup, "library"), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.until(t, ctx, "the restart", func() bool {
			last := r.all()
			for _, e := range last {
				if e.Child == "library" && e.Kind == supervisor.EventReady && e.Incarnation == i+2 {
					return true
				}
			}
			return false
		})
		if now := members(t, ctx, pool); len(now) != 4 || now[3] != all[3] {
			t.Fatalf("%v after %v", now, all)
		}
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	owner, next, again := map[int]uint32{}, map[int]int{}, 0
	for _, e := range entriesOf(t, ctx, pool, book, n) {
		if o := owner[e.Key]; o != 0 && o != e.Member {
			t.Fatalf("key %d was at member %d and at %d", e.Key, o, e.Member)
		}
		owner[e.Key] = e.Member
		switch {
		case e.Seq == next[e.Key]-1:
			again++ // it was in hand at a kill
		case e.Seq != next[e.Key]:
			t.Fatalf("key %d: %d after %d", e.Key, e.Seq, next[e.Key]-1)
		default:
			next[e.Key]++
		}
	}
	for k := range keys {
		if next[k] != n/keys {
			t.Errorf("key %d: %d of %d", k, next[k], n/keys)
		}
	}
	if again > kills*4 || sup.DeadLetters() > 0 {
		t.Errorf("%d handled twice, %d dead letters", again, sup.DeadLetters())
	}
}

// TestPoolBelowSubtreeReplaced: the members of such a pool are replaced one by one.
func TestPoolBelowSubtreeReplaced(t *testing.T) {
	testutil.Threads(t, 256)
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	startLibrary(t, ctx, sup, "LIBRARY=1")
	for _, path := range []string{"library/shelf", "library/annex/shelf"} {
		for _, m := range members(t, ctx, findShelf(t, sup, path)) {
			if got := ask(t, ctx, m, Which{}); got.Incarnation != 1 {
				t.Errorf("%+v", got)
			}
		}
	}
	if err := sup.ReplaceAll(ctx, supervisor.Replacement{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"library/shelf", "library/annex/shelf"} {
		all := members(t, ctx, findShelf(t, sup, path))
		if len(all) != 3 {
			t.Error(all)
		}
		for _, m := range all {
			if got := ask(t, ctx, m, Which{}); got.Incarnation != 2 {
				t.Errorf("%+v", got)
			}
		}
	}
}

// TestPoolBelowSubtreeErrors: what is refused is refused as it is in the root.
func TestPoolBelowSubtreeErrors(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub := startLibrary(t, ctx, sup)
	pool := findShelf(t, sup, "library/shelf")
	if _, err := supervisor.StartPool(ctx, sub, shelf, supervisor.Pool{Size: 1}); !errors.As(err, new(*supervisor.PresentError)) {
		t.Error(err)
	}
	if err := sup.Resize(ctx, members(t, ctx, pool)[0].ID, 2); err == nil {
		t.Error("a member was resized")
	}
	if err := sup.Resize(ctx, sub.ID(), 2); err == nil {
		t.Error("a supervisor was resized")
	}
	if err := sup.Terminate(ctx, sub.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, pool, Owner{}); !errors.As(err, new(*actor.GoneError)) {
		t.Error(err)
	}
}
