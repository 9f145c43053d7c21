package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// The protocol of those whom all is told.
type Listener struct{}

type (
	// Scene is kept until it is asked to be dropped.
	Scene struct {
		actor.Tells[Listener]
		Number int
		Data   actor.Buffer
	}
	// Script is a payload of its own.
	Script struct {
		actor.Tells[Listener]
		Number int
		Text   []byte
	}
	// Programme is nothing to keep.
	Programme struct {
		actor.Tells[Listener]
		Data actor.Buffer
		Text []byte
	}
	// Duet is kept as one text.
	Duet struct {
		actor.Tells[Listener]
		Number   int
		One, Two actor.Buffer
	}
	// Tried is nothing to keep, and counts how often it was tried to send it.
	Tried struct {
		actor.Tells[Listener]
		Data actor.Buffer
		Text counted
	}
	// Recall asks for what the actor has of a number, and perhaps drops it.
	Recall struct {
		actor.Asks[Listener, Recalled]
		Number int
		Drop   bool
	}
	Recalled struct {
		Data             []byte
		Count            int // of messages with that number
		PID, Incarnation int
	}
)

var listener = actor.Define("listener", func(s *actor.Setup[Listener]) error {
	kept, count := map[int]actor.Buffer{}, map[int]int{}
	texts := map[int][]byte{}
	actor.OnTell(s, func(c *actor.Context, m Scene) error {
		m.Data.Keep()
		kept[m.Number] = m.Data
		count[m.Number]++
		return nil
	})
	actor.OnTell(s, func(c *actor.Context, m Duet) error {
		texts[m.Number] = append(bytes.Clone(m.One.Bytes()), m.Two.Bytes()...)
		count[m.Number]++
		return nil
	})
	actor.OnTell(s, func(c *actor.Context, m Script) error {
		texts[m.Number] = m.Text
		count[m.Number]++
		return nil
	})
	actor.OnTell(s, func(*actor.Context, Programme) error { return nil })
	actor.OnTell(s, func(*actor.Context, Tried) error { return nil })
	actor.OnAsk(s, func(c *actor.Context, m Recall) (Recalled, error) {
		r := Recalled{Data: texts[m.Number], Count: count[m.Number], PID: os.Getpid(), Incarnation: c.Incarnation()}
		if b, ok := kept[m.Number]; ok {
			r.Data = bytes.Clone(b.Bytes())
			if m.Drop {
				b.Release()
				delete(kept, m.Number)
			}
		}
		return r, nil
	})
	return nil
})

// audience starts n listeners.
func audience(t *testing.T, n int, child supervisor.Child) (context.Context, *supervisor.Supervisor, []actor.Ref[Listener]) {
	t.Helper()
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	child.Stderr = io.Discard
	var refs []actor.Ref[Listener]
	for i := range n {
		child.Name = fmt.Sprint("listener-", i)
		ref, err := supervisor.StartChild(ctx, sup, listener, child)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return ctx, sup, refs
}

// shown lends a buffer for all, fills it, tells it, and returns its memory as
// the sender has it mapped.
func shown(t *testing.T, ctx context.Context, refs []actor.Ref[Listener], number, size int) []byte {
	t.Helper()
	b, err := actor.LendAll(ctx, refs, size)
	if err != nil {
		t.Fatal(err)
	}
	mem := b.Bytes()
	for i := range mem {
		mem[i] = byte(number + i)
	}
	if err := actor.TellAll(ctx, refs, Scene{Number: number, Data: b}); err != nil {
		t.Fatal(err)
	}
	return mem
}

// recall asks one listener.
func recall(t *testing.T, ctx context.Context, ref actor.Ref[Listener], number int, drop bool) Recalled {
	t.Helper()
	r, err := actor.Ask(ctx, ref, Recall{Number: number, Drop: drop})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// place is where the next shared buffer of that size would be.
func place(t *testing.T, ctx context.Context, refs []actor.Ref[Listener], size int) *byte {
	t.Helper()
	b, err := actor.LendAll(ctx, refs, size)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	return &b.Bytes()[0]
}

const sceneBytes = 100_000

// TestTellAllSharesMemory: all receivers look at the sender's own memory, so
// nothing was copied: they see what it writes after they have got the message
// (which a program must not do). The block is free when the last one has given it
// back.
func TestTellAllSharesMemory(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	for _, queue := range []string{"ring", "posix", "pipe"} {
		t.Run(queue, func(t *testing.T) {
			allowed(t, queue)
			ctx, _, refs := audience(t, 3, supervisor.Child{Mailbox: mailbox.Config{Queue: queue}})
			mem := shown(t, ctx, refs, 1, sceneBytes)
			for i, ref := range refs {
				if r := recall(t, ctx, ref, 1, false); !bytes.Equal(r.Data, mem) || r.Count != 1 {
					t.Errorf("receiver %d has %d bytes, %d messages", i, len(r.Data), r.Count)
				}
			}
			mem[0], mem[sceneBytes-1] = 'x', 'y'
			for i, ref := range refs {
				if place(t, ctx, refs, sceneBytes) == &mem[0] {
					t.Fatalf("the block is lent again while receivers %d and up have it", i)
				}
				if r := recall(t, ctx, ref, 1, true); r.Data[0] != 'x' || r.Data[sceneBytes-1] != 'y' {
					t.Errorf("receiver %d has a copy", i)
				}
			}
			if place(t, ctx, refs, sceneBytes) != &mem[0] {
				t.Error("the block is not free after all have given it back")
			}
		})
	}
}

// TestTellAllOfTheDead: who dies with its part in a block has given it back,
// whether another incarnation follows or none, and the others do not notice.
func TestTellAllOfTheDead(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	for _, c := range []struct {
		what string
		how  supervisor.Restart
	}{{"restarted", supervisor.Permanent}, {"gone", supervisor.Temporary}} {
		t.Run(c.what, func(t *testing.T) {
			ctx, _, refs := audience(t, 3, supervisor.Child{Restart: c.how})
			mem := shown(t, ctx, refs, 7, sceneBytes)
			victim := recall(t, ctx, refs[1], 7, false)
			recall(t, ctx, refs[0], 7, true)
			if err := syscall.Kill(victim.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if r := recall(t, ctx, refs[2], 7, false); !bytes.Equal(r.Data, mem) {
				t.Error("a receiver has something else after the death of another one")
			}
			if place(t, ctx, refs[:1], 10) == nil {
				t.Error("no buffer for one")
			}
			recall(t, ctx, refs[2], 7, true)
			if c.how == supervisor.Permanent {
				if r := recall(t, ctx, refs[1], 7, false); r.Incarnation != 2 || r.Count != 0 {
					t.Errorf("%+v", r)
				}
				if place(t, ctx, refs, sceneBytes) != &mem[0] {
					t.Error("the dead receiver's part has not come back")
				}
				return
			}
			for gone := new(actor.GoneError); ; {
				if _, err := actor.Ask(ctx, refs[1], Recall{}); errors.As(err, &gone) {
					break
				}
			}
			err := actor.TellAll(ctx, refs, Scene{Number: 8})
			failed := new(actor.TellAllError)
			if gone := new(actor.GoneError); !errors.As(err, &failed) || !errors.As(err, &gone) || len(failed.Failed) != 1 || failed.Failed[0].ID != refs[1].ID || failed.Of != 3 {
				t.Errorf("told to a set with an actor that has ended: %v", err)
			}
			if r := recall(t, ctx, refs[2], 8, true); r.Count != 1 {
				t.Error("the others have not got the message")
			}
		})
	}
}

// TestTellAllToManyThatEnd: the parts of actors that are gone for good come back,
// so that the sets that they belonged to can be forgotten: a process keeps 16.
func TestTellAllToManyThatEnd(t *testing.T) {
	testutil.Descriptors(t, 128)
	ctx, sup, refs := audience(t, 1, supervisor.Child{})
	for i := range 20 {
		ref, err := supervisor.StartChild(ctx, sup, listener, supervisor.Child{Name: fmt.Sprint("short-", i), Restart: supervisor.Temporary, Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		set := []actor.Ref[Listener]{refs[0], ref}
		shown(t, ctx, set, i, 5000)
		if err := syscall.Kill(recall(t, ctx, ref, i, false).PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for gone := new(actor.GoneError); ; {
			if _, err := actor.Ask(ctx, ref, Recall{}); errors.As(err, &gone) {
				break
			}
		}
		recall(t, ctx, refs[0], i, true)
	}
}

// TestTellAllUnread: what was told to an actor that dies before it has read it
// is read by its successor, from the same memory.
func TestTellAllUnread(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, _, refs := audience(t, 2, supervisor.Child{})
	pid := recall(t, ctx, refs[0], 0, false).PID
	stopProcess(t, pid)
	mem := shown(t, ctx, refs, 3, sceneBytes)
	recall(t, ctx, refs[1], 3, true)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := recall(t, ctx, refs[0], 3, true); r.Incarnation != 2 || r.Count != 1 || !bytes.Equal(r.Data, mem) {
		t.Errorf("incarnation %d, %d messages, %d bytes", r.Incarnation, r.Count, len(r.Data))
	}
	if place(t, ctx, refs, sceneBytes) != &mem[0] {
		t.Error("the block is not free")
	}
}

// TestLendAllDry: when all blocks that a set shares are out, LendAll does what
// the mailboxes say: it fails, or waits for the last part of a block.
func TestLendAllDry(t *testing.T) {
	const size, blocks = 256 << 10, 4
	box := mailbox.Config{PoolBytes: size * blocks}
	t.Run("fail", func(t *testing.T) {
		box := box
		box.Full = mailbox.Fail
		ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: box})
		for i := range blocks {
			shown(t, ctx, refs, i, size)
		}
		if _, err := actor.LendAll(ctx, refs, size); !errors.Is(err, actor.ErrFull) {
			t.Errorf("one more: %v, want ErrFull", err)
		}
	})
	t.Run("wait", func(t *testing.T) {
		ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: box})
		for i := range blocks {
			shown(t, ctx, refs, i, size)
		}
		lent := make(chan error)
		go func() {
			b, err := actor.LendAll(ctx, refs, size)
			b.Release()
			lent <- err
		}()
		for _, ref := range refs {
			select {
			case err := <-lent:
				t.Fatalf("a buffer while all are out: %v", err)
			default:
			}
			recall(t, ctx, ref, 2, true)
		}
		if err := <-lent; err != nil {
			t.Error(err)
		}
	})
}

// TestTellAllPastTheFull: an actor whose mailbox fails or drops when it is full costs the
// others nothing of what is told to all, although it holds all of the memory that they
// share; where one would have to be waited for, the error still says who did not get what.
func TestTellAllPastTheFull(t *testing.T) {
	const size, blocks = 256 << 10, 4
	box := mailbox.Config{PoolBytes: size * blocks}
	for name, full := range map[string]mailbox.Full{"fail": mailbox.Fail, "drop": mailbox.Drop} {
		t.Run(name, func(t *testing.T) {
			box := box
			box.Full = full
			ctx, sup, refs := audience(t, 1, supervisor.Child{Mailbox: box, Shutdown: supervisor.BrutalKill})
			slow := refs[0]
			for i := range 2 {
				ref, err := supervisor.StartChild(ctx, sup, listener, supervisor.Child{Name: fmt.Sprint("quick-", i), Mailbox: mailbox.Config{PoolBytes: box.PoolBytes}})
				if err != nil {
					t.Fatal(err)
				}
				refs = append(refs, ref)
			}
			stopProcess(t, recall(t, ctx, slow, 0, false).PID)
			refused := 0
			for i := range 3 * blocks {
				text := bytes.Repeat([]byte{byte(i + 1)}, size-1000)
				err := actor.TellAll(ctx, refs, Script{Number: i, Text: text})
				if failed := new(actor.TellAllError); errors.As(err, &failed) {
					if len(failed.Failed) != 1 || failed.Failed[0].ID != slow.ID || !errors.Is(err, actor.ErrFull) {
						t.Fatal(err)
					}
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
				for _, ref := range refs[1:] {
					if r := recall(t, ctx, ref, i, false); r.Count != 1 || !bytes.Equal(r.Data, text) {
						t.Fatalf("message %d: %d times, %d bytes", i, r.Count, len(r.Data))
					}
				}
			}
			if (refused > 0) != (full == mailbox.Fail) {
				t.Errorf("the full mailbox refused %d messages", refused)
			}
		})
	}
	t.Run("wait", func(t *testing.T) {
		ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: box, Shutdown: supervisor.BrutalKill})
		stopProcess(t, recall(t, ctx, refs[0], 0, false).PID)
		for i := range blocks {
			if err := actor.TellAll(ctx, refs, Script{Number: i, Text: make([]byte, size-1000)}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		err := actor.TellAll(ctx, refs, Script{Number: blocks, Text: make([]byte, size-1000)})
		if failed := new(actor.TellAllError); !errors.As(err, &failed) || failed.Of != 2 || len(failed.Failed) != 2 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("all of the shared memory is out: %T %v", err, err)
		}
	})
}

// TestLendAllForNobody: where there is nobody to read it, there is no buffer, and it is
// told to nobody without an error.
func TestLendAllForNobody(t *testing.T) {
	ctx, _, _ := audience(t, 0, supervisor.Child{})
	group, err := actor.Group[Listener](ctx, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	for _, refs := range [][]actor.Ref[Listener]{nil, {group}} {
		if b, err := actor.LendAll(ctx, refs, 10); err == nil {
			t.Errorf("a buffer of %d bytes for %v", b.Len(), refs)
		}
		if err := actor.TellAll(ctx, refs, Script{}); err != nil {
			t.Error(err)
		}
	}
}

// TestTellAllPayload: a payload that is not lent reaches all of them whole,
// small and large, from whatever memory, and its block comes back.
func TestTellAllPayload(t *testing.T) {
	ctx, _, refs := audience(t, 3, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: 1 << 20}})
	twice := append(append([]actor.Ref[Listener]{{}}, refs...), refs...) // and nobody
	number := 0
	for round := range 8 { // more than the pool has
		for _, size := range []int{0, 10, 1000, 5000, 300_000} {
			number++
			text := bytes.Repeat([]byte{byte(number)}, size)
			err := actor.TellAll(ctx, twice, Script{Number: number, Text: text})
			if failed := new(actor.TellAllError); !errors.As(err, &failed) || len(failed.Failed) != 1 || failed.Failed[0].ID != 0 || failed.Of != 4 {
				t.Fatalf("%d bytes: %v", size, err)
			}
			for i, ref := range refs {
				if r := recall(t, ctx, ref, number, false); r.Count != 1 || !bytes.Equal(r.Data, text) {
					t.Fatalf("round %d, %d bytes: receiver %d has %d messages, %d bytes", round, size, i, r.Count, len(r.Data))
				}
			}
		}
	}
}

// TestTellAllAtOnce: several goroutines tell the same actors, through a pool
// that holds few of their payloads at a time; every actor gets all, whole.
func TestTellAllAtOnce(t *testing.T) {
	ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: 512 << 10}})
	const tellers, each, size = 4, 10, 100_000
	var all sync.WaitGroup
	for g := range tellers {
		all.Go(func() {
			for i := range each {
				n := g*each + i
				if err := actor.TellAll(ctx, refs, Script{Number: n, Text: bytes.Repeat([]byte{byte(n)}, size)}); err != nil {
					t.Error(n, err)
				}
			}
		})
	}
	all.Wait()
	for n := range tellers * each {
		for _, ref := range refs {
			if r := recall(t, ctx, ref, n, false); r.Count != 1 || len(r.Data) != size || bytes.Count(r.Data, []byte{byte(n)}) != size {
				t.Fatalf("message %d: %d times, %d bytes", n, r.Count, len(r.Data))
			}
		}
	}
}
