package sysv_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sysv"
)

// The other process: it sends two entries of different sizes.
var _ = testutil.Helper("example-sender", func(c *testutil.Child) int {
	page, _ := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
	s := sysv.NewSender(c.File(0), page)
	defer s.Close()
	for _, text := range []string{"hello", "and goodbye"} {
		b, err := s.Reserve(len(text))
		if err == nil {
			copy(b, text)
			err = s.Commit()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err) // ErrFull: the receiver is behind
			return 1
		}
	}
	return 0
})

// Two entries from another process through a SysV queue. It is no descriptor, so
// a locked file in the registry stands for it: that one travels.
func Example() {
	testutil.Example(func(t testing.TB) {
		send, err := sysv.Create()
		if err != nil {
			fmt.Println(err) // which limit, and what to raise
			return
		}
		defer send.Close()
		fd, err := unix.Dup(int(send.Fd())) // the receiver's, which shares the lock
		if err != nil {
			fmt.Println(err)
			return
		}
		receive := os.NewFile(uintptr(fd), send.Name())
		page, _ := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
		r := sysv.NewReceiver(receive, page, transport.Place{})
		defer r.Close()
		sender := testutil.Start(t, "example-sender", testutil.Spec{Files: []*os.File{send}})
		for n := 0; n < 2; {
			e, err := r.Next()
			if err == transport.ErrEmpty { // a lane has a bell beside its queue, and sleeps
				runtime.Gosched()
				continue
			}
			fmt.Printf("%d %s %v\n", e.Seq, e.Bytes, err)
			r.Done()
			n++
		}
		r.Release()
		fmt.Println(sender.Wait().Success(), page.Head.Load())
		fmt.Println(sysv.Remove(send)) // or Sweep, when all its users have ended
	})
	// Output:
	// 0 hello <nil>
	// 1 and goodbye <nil>
	// true 2
	// <nil>
}
