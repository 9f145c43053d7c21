package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

// poolAndViews are both halves in this process. All blocks are of 4 KiB.
func poolAndViews(policy Policy) (*Pool, *Views, transport.Returns) {
	p, r, views := NewPool(PoolConfig{Policy: policy, MaxBytes: 1 << 20}), newReturns(), &Views{Policy: policy}
	next := uint16(0)
	p.create = func(size int) (*Memory, error) { // called in the order of ids
		mem := Heap(size)
		addHeap(views, next, mem, 4096, int(PolicyPool.Fit(uint64(size), 4096)))
		next++
		return mem, nil
	}
	p.Switch(r, 0)
	return p, views, r
}

// sendStamps takes, stamps and lends n blocks, but gives back every seventh.
func sendStamps(p *Pool, first, n int, seq *atomic.Uint64, queue chan<- BlockRef) error {
	for i := 0; i < n; {
		b, err := p.Take(64)
		if errors.Is(err, ErrDry) {
			runtime.Gosched()
			continue
		}
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(b.Mem, uint64(first+i))
		binary.LittleEndian.PutUint64(b.Mem[56:], uint64(first+i))
		i++
		if i%7 == 0 {
			p.Put(b)
			continue
		}
		p.Lent(b, seq.Add(1))
		queue <- b.Ref
	}
	return nil
}

// readStamps views and gives back what comes.
func readStamps(v *Views, r transport.Returns, back *sync.Mutex, got *atomic.Int64, queue <-chan BlockRef) error {
	for ref := range queue {
		b, err := v.View(ref)
		if err != nil {
			return err
		}
		if x, y := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[56:]); x != y {
			return fmt.Errorf("torn: %d and %d", x, y)
		}
		back.Lock()
		v.Release(r, ref)
		back.Unlock()
		got.Add(1)
	}
	return nil
}

// TestPoolConcurrent: many owners' goroutines and many users' goroutines; each
// block carries a stamp that must arrive as it was written.
func TestPoolConcurrent(t *testing.T) { eachPolicy(t, testPoolConcurrent) }

func testPoolConcurrent(t *testing.T, policy Policy) {
	p, views, r := poolAndViews(policy)
	const senders, users = 4, 3
	each := testutil.Rounds(1000, 100_000)
	queue := make(chan BlockRef, 64)
	var seq atomic.Uint64
	var got atomic.Int64
	var send, use sync.WaitGroup
	var back sync.Mutex
	for g := range senders {
		send.Go(func() {
			if err := sendStamps(p, g*each, each, &seq, queue); err != nil {
				t.Error(err)
			}
		})
	}
	for range users {
		use.Go(func() {
			if err := readStamps(views, r, &back, &got, queue); err != nil {
				t.Error(err)
			}
			for range queue { // after an error, let the senders end
			}
		})
	}
	send.Wait()
	close(queue)
	use.Wait()
	p.Collect()
	if s := p.Stats(); s.Lent != 0 || s.Taken != 0 || s.Refused != 0 || views.outstanding() != 0 {
		t.Errorf("%+v, %d in view", s, views.outstanding())
	}
	if want := int64(senders * (each - each/7)); got.Load() != want {
		t.Errorf("%d blocks arrived, want %d", got.Load(), want)
	}
}
