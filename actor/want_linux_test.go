package actor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestLargeAmongSmall: a large message gets its block although senders of small
// ones, who wait as well, want every block that comes back. It needs all memory,
// and the handler takes one message for each byte that comes through a pipe.
func TestLargeAmongSmall(t *testing.T) {
	for _, queue := range []string{"ring", "unix"} {
		t.Run(queue, func(t *testing.T) { largeAmongSmall(t, queue) })
	}
}

func largeAmongSmall(t *testing.T, queue string) {
	const pool, large = 256 << 10, 150 << 10
	pipe, gate := openGate(t)
	defer gate.Close()
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{Queue: queue, PoolBytes: pool}})
	small := Tell{What: "step " + pipe + "\x00" + string(make([]byte, 20<<10))} // a block of 32 KiB
	full := fillUp(t, ctx, ref, small)
	flood, stop := context.WithCancel(ctx)
	var senders sync.WaitGroup
	defer senders.Wait()
	defer stop()
	for range 3 {
		senders.Go(func() {
			for flood.Err() == nil {
				_ = actor.Tell(flood, ref, small)
			}
		})
	}
	sent := make(chan error, 1)
	go func() { sent <- actor.Tell(ctx, ref, Note{Data: make([]byte, large)}) }()
	handled := 0
	for done := false; !done; handled++ {
		fmt.Fprint(gate, "x")
		select {
		case err := <-sent:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Logf("%d messages filled the memory, and the large one left after %d", full, handled)
	stop()
	senders.Wait()
	c, cancel := context.WithTimeout(ctx, testutil.HangGuard)
	defer cancel()
	fmt.Fprint(gate, string(make([]byte, 4*full))) // more than there are
	if list, err := actor.Ask(c, ref, Notes{}); err != nil || list.Bytes != large {
		t.Fatal(list.Bytes, err)
	}
}
