package actor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestSignalsLoseNothing: signals interrupt the system calls of sender and receiver all
// the time, as those do by which Go preempts a goroutine. Every message comes once, in
// order and whole.
func TestSignalsLoseNothing(t *testing.T) {
	for _, form := range forms(t) {
		t.Run(form, func(t *testing.T) {
			ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{Queue: form}})
			m, err := actor.Ask(ctx, ref, Add{})
			if err != nil {
				t.Fatal(err)
			}
			var storm sync.WaitGroup
			over := make(chan struct{})
			storm.Go(func() {
				often := time.NewTicker(50 * time.Microsecond) // in between they can work
				defer often.Stop()
				for n := 0; ; n++ {
					select {
					case <-over:
						return
					case <-often.C:
					}
					for _, pid := range []int{m.PID, os.Getpid()} {
						interrupt(pid)
					}
					if n%20 == 0 {
						runtime.GC()
					}
				}
			})
			defer storm.Wait()
			defer close(over)
			n, bytes := uint64(testutil.Rounds(600, 20_000)), uint64(0)
			for i := range n {
				size := []int{0, 10, 300, 5000, 70_000}[min(4, i*i%11)] // small ones follow large ones, and the other way round
				if err := actor.Tell(ctx, ref, Note{Seq: i, Data: make([]byte, size)}); err != nil {
					t.Fatal(err)
				}
				bytes += uint64(size)
				if i%50 == 0 {
					text := fmt.Sprint(i)
					if e, err := actor.Ask(ctx, ref, Echo{Text: text, Data: make([]byte, size)}); err != nil || e.Text != text || len(e.Data) != size {
						t.Fatal(e.Text, len(e.Data), err)
					}
				}
			}
			l, err := actor.Ask(ctx, ref, Notes{})
			if err != nil {
				t.Fatal(err)
			}
			for i, seq := range l.Seqs {
				if seq != uint64(i) {
					t.Fatalf("number %d came in place of %d", seq, i)
				}
			}
			if len(l.Seqs) != int(n) || l.Bytes != bytes || l.PID != m.PID {
				t.Errorf("%d of %d messages, %d of %d bytes came to process %d; it was %d", len(l.Seqs), n, l.Bytes, bytes, l.PID, m.PID)
			}
		})
	}
}

// interrupt sends each thread of a process a signal that Go ignores.
func interrupt(pid int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		if tid, err := strconv.Atoi(filepath.Base(task)); err == nil {
			_ = unix.Tgkill(pid, tid, unix.SIGURG)
		}
	}
}
