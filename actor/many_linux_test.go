package actor_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestManyEnds: a program that starts actors, talks to them and ends them, one
// after another, keeps neither descriptors nor memory of them; an answer's
// buffer outlives its actor.
func TestManyEnds(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	var kept []actor.Buffer
	one := func(i int) {
		ref, err := supervisor.StartChild(ctx, sup, worker, supervisor.Child{Name: fmt.Sprint("short-", i), Restart: supervisor.Temporary, Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		b, err := actor.Lend(ctx, ref, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		b.Bytes()[99_999] = byte(i)
		answer, err := actor.Ask(ctx, ref, Blur{N: 100_000, Data: b})
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, answer.Data)
		unsent, err := actor.Lend(ctx, ref, 10)
		if err != nil {
			t.Fatal(err)
		}
		if err := sup.Terminate(ctx, ref.ID); err != nil {
			t.Fatal(err)
		}
		for {
			_, err := actor.Ask(ctx, ref, Add{})
			if gone := new(actor.GoneError); errors.As(err, &gone) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		unsent.Bytes()[9] = 1 // it is ours until it is given back
		unsent.Release()
		if i > 0 {
			kept[i-1].Release()
		}
	}
	for i := range 3 {
		one(i)
	}
	fds, maps := descriptors(), mappings(t)
	n := max(testutil.Rounds(10, 2000), 10)
	for i := range n {
		one(3 + i)
	}
	// The last ones may still be on their way out.
	for f, m := descriptors(), mappings(t); f > fds+n/2 || m > maps+n/2; f, m = descriptors(), mappings(t) {
		if ctx.Err() != nil {
			t.Fatalf("after %d more actors: %d descriptors, %d before; %d mappings of lanes, %d before", n, f, fds, m, maps)
		}
		runtime.Gosched()
	}
	last := kept[len(kept)-1]
	if got, want := last.Bytes()[99_999], byte(99_999%256); got != want {
		t.Errorf("the answer of an actor that has ended reads %d, want %d", got, want)
	}
	last.Release()
}

// mappings counts the mapped memory files of this process.
func mappings(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "memfd:")
}
