package actor

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestSeveralHosts: of several hosts that are made at a time none is that of every
// context.
func TestSeveralHosts(t *testing.T) {
	for range testutil.Rounds(5000, 500000) {
		pair := [2]host{}
		var there atomic.Int32
		var made sync.WaitGroup
		for i := range pair {
			made.Go(func() {
				for there.Add(1); there.Load() < 2; { // both at a time
					runtime.Gosched()
				}
				pair[i].enter()
			})
		}
		made.Wait()
		if h := hostOf(context.Background()); h != nil {
			t.Fatal("one of two hosts is that of a context that belongs to none")
		}
		for i := range pair {
			if h := hostOf(pair[i].Context(context.Background())); h != &pair[i] {
				t.Fatal("a context does not belong to the host that has made it")
			}
			pair[i].leave()
		}
	}
	var one host
	one.enter()
	defer one.leave()
	if hostOf(context.Background()) != &one {
		t.Error("the only host of a process is not that of every context")
	}
}
