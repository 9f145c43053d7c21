package actor_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestLentToFullQueue: a message that a full queue has refused leaves its lent
// buffer with the sender, who can send it later. Queues in the kernel refuse
// late: when the entry is committed.
func TestLentToFullQueue(t *testing.T) {
	for _, queue := range []string{"ring", "posix", "unix", "pipe"} {
		t.Run(queue, func(t *testing.T) {
			allowed(t, queue)
			lentToFull(t, queue)
		})
	}
}

func lentToFull(t *testing.T, queue string) {
	box := mailbox.Config{Queue: queue, Full: mailbox.Fail}
	if queue == "ring" {
		box.RingBytes = 4096
	}
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: box})
	sum, err := actor.Ask(ctx, ref, Add{})
	if err != nil {
		t.Fatal(err)
	}
	stopProcess(t, sum.PID)
	const most = 1000
	var last actor.Buffer
	var n int
	for n = 0; ; n++ {
		if n == most {
			t.Fatalf("%d messages did not fill the queue", n)
		}
		b, err := actor.Lend(ctx, ref, 64)
		if err != nil {
			t.Fatal(err)
		}
		b.Bytes()[0] = byte(n)
		if err = actor.Tell(ctx, ref, Blot{Data: b}); errors.Is(err, actor.ErrFull) {
			last = b
			break
		} else if err != nil {
			t.Fatal(n, err)
		}
	}
	if err := actor.Tell(ctx, ref, Blot{Data: last}); !errors.Is(err, actor.ErrFull) {
		t.Fatalf("the second time: %v", err)
	}
	dropped, err := actor.Lend(ctx, ref, 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, ref, Blot{Data: dropped}); !errors.Is(err, actor.ErrFull) {
		t.Fatalf("another one: %v", err)
	}
	dropped.Release()
	if err := syscall.Kill(sum.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for err = actor.ErrFull; errors.Is(err, actor.ErrFull); {
		err = actor.Tell(ctx, ref, Blot{Data: last})
	}
	if err != nil {
		t.Fatal(err)
	}
	var list NoteList
	for err = actor.ErrFull; errors.Is(err, actor.ErrFull); {
		list, err = actor.Ask(ctx, ref, Notes{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Seqs) != n+1 {
		t.Fatalf("%d messages arrived of %d", len(list.Seqs), n+1)
	}
	for i, s := range list.Seqs {
		if s != uint64(byte(i)) {
			t.Fatalf("message %d is %d", i, s)
		}
	}
}

// stopProcess stops a process and returns when no thread of it runs.
func stopProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		for stopped := false; !stopped; {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/stat", pid, task.Name()))
			if err != nil {
				break // this thread has ended
			}
			stopped = bytes.Contains(b, []byte(") T "))
		}
	}
}
