package segment

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestLastViewUnmaps: when views end, and new ones begin, while the segment is shut,
// it is unmapped once, and not before the last view has ended.
func TestLastViewUnmaps(t *testing.T) {
	const blocks = 4
	for range 300 {
		var unmapped, inView atomic.Int32
		v := &Views{}
		addHeap(v, 0, newMemory("test", make([]byte, PolicyPool.extent(4096, blocks)), nil, func([]byte) error {
			if unmapped.Add(1) > 1 {
				t.Error("unmapped twice")
			}
			if n := inView.Load(); n != 0 {
				t.Errorf("unmapped under %d views", n)
			}
			return nil
		}), 4096, blocks)
		var all sync.WaitGroup
		for i := range blocks {
			ref := BlockRef{Index: uint16(i), Length: 1}
			inView.Add(1)
			if _, err := v.View(ref); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				inView.Add(-1)
				v.Forget(ref)
				if i > 0 {
					return
				}
				for v.find(0) != nil { // one goroutine goes on looking at what it can
					if _, err := v.View(ref); err != nil {
						return
					}
					v.Forget(ref)
				}
			})
		}
		all.Go(v.Close)
		all.Wait()
		if unmapped.Load() != 1 {
			t.Fatalf("unmapped %d times", unmapped.Load())
		}
	}
}
