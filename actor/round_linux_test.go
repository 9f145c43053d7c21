package actor_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

type (
	Mill struct{}
	// Leaf is a page number in each 64 bytes of a block.
	Leaf struct {
		actor.Tells[Mill]
		Data actor.Buffer
	}
	// Leaves is asked; the answer is what came since the process began.
	Leaves struct {
		actor.Asks[Mill, LeafCount]
	}
	LeafCount struct{ Whole, Torn, PID int }
)

const (
	leafBytes = 64 << 10
	widened   = 2 << 20 // bytes: a segment for more blocks of that size than others have
)

// mill reads all of each leaf.
var mill = actor.Define("mill", func(s *actor.Setup[Mill]) error {
	count := LeafCount{PID: os.Getpid()}
	actor.OnTell(s, func(c *actor.Context, m Leaf) error {
		b := m.Data.Bytes()
		first := binary.LittleEndian.Uint64(b)
		for ; len(b) > 0; b = b[64:] {
			if n := binary.LittleEndian.Uint64(b); n != first {
				count.Torn++
				return fmt.Errorf("leaf %d has %d in it", first, n)
			}
		}
		count.Whole++
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Leaves) (LeafCount, error) { return count, nil })
	return nil
})

// TestRoundsAreWhole: what is lent arrives whole, however many blocks go round, while the
// pool tries few and many, and its receiver is killed now and then.
func TestRoundsAreWhole(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sup, mill, supervisor.Child{Restart: supervisor.Permanent})
	if err != nil {
		t.Fatal(err)
	}
	number := uint64(0)
	send := func(leaves int) {
		t.Helper()
		for range leaves {
			data, err := actor.Lend(ctx, ref, leafBytes)
			if err != nil {
				t.Fatal(err)
			}
			number++
			for b := data.Bytes(); len(b) > 0; b = b[64:] {
				binary.LittleEndian.PutUint64(b, number)
			}
			if err := actor.Tell(ctx, ref, Leaf{Data: data}); err != nil {
				t.Fatal(err)
			}
		}
	}
	count := func() LeafCount {
		t.Helper()
		n, err := actor.Ask(ctx, ref, Leaves{})
		if err != nil {
			t.Fatal(err)
		}
		if n.Torn > 0 {
			t.Fatalf("%d of %d leaves were written while they were read, or not at all", n.Torn, n.Torn+n.Whole)
		}
		return n
	}
	send(1000)
	if n := count(); n.Whole != 1000 {
		t.Fatalf("%d leaves came of 1000", n.Whole)
	}
	for range testutil.Rounds(12, 300) {
		n := count()
		send(400)
		if err := syscall.Kill(n.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		send(400)
	}
	count()
	if widest := widestPool(t); widest < widened {
		t.Logf("%d leaves were too few for a trial, or took too long: no segment has more than %d bytes", number, widest)
	}
}

// widestPool is the bytes of the largest segment of blocks here.
func widestPool(t *testing.T) (widest int) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var from, to int
		if !strings.Contains(s.Text(), "memfd:") {
			continue
		}
		if _, err := fmt.Sscanf(s.Text(), "%x-%x", &from, &to); err != nil {
			t.Fatal(err)
		}
		widest = max(widest, to-from)
	}
	return widest
}
