package segment_test

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// Both halves of the lending of a block. In a program they are in two
// processes: the descriptor travels over a link, the reference in a queue.
func Example() {
	var views segment.Views // the user's half
	pool := segment.NewPool(segment.PoolConfig{
		Announce: func(id uint16, f transport.File, size, class, blocks int) error {
			fmt.Printf("segment %d: %d blocks of %d bytes\n", id, blocks, class)
			fd, err := unix.Dup(int(f.Fd()))
			if err != nil {
				return err
			}
			return views.Add(id, os.NewFile(uintptr(fd), "segment"), size, class, blocks)
		},
	})
	page, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	pool.Switch(page.Returns, 0)

	block, err := pool.Take(100_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(block.Mem, "large, and not copied")
	pool.Lent(block, 1) // it leaves with entry 1

	b, err := views.View(block.Ref)
	fmt.Printf("%d bytes: %s... %v\n", len(b), b[:21], err)
	views.Release(page.Returns, block.Ref)

	fmt.Println("came back:", pool.Collect())
	views.Close()
	pool.Close()
	// Output:
	// segment 0: 16 blocks of 131072 bytes
	// 100000 bytes: large, and not copied... <nil>
	// came back: 1
}
