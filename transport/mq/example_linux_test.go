package mq_test

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/mq"
	"github.com/understudy-go/understudy/transport/segment"
)

// One entry through the kernel.
func Example() {
	f, err := mq.Create()
	if err != nil {
		fmt.Println(err)
		return
	}
	fd, _ := unix.Dup(int(f.Fd())) // the receiver's, in another process
	out, _ := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
	in, _ := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	s := mq.NewSender(f, out)
	r := mq.NewReceiver(os.NewFile(uintptr(fd), "mq"), in, transport.Place{})
	defer s.Close()
	defer r.Close()

	b, _ := s.Reserve(5)
	copy(b, "hello")
	fmt.Println(s.Commit(), out.Tail.Load())

	e, err := r.Next()
	fmt.Printf("%d %s %v\n", e.Seq, e.Bytes, err)
	r.Done()
	r.Release()
	fmt.Println(in.Head.Load())
	// Output:
	// <nil> 1
	// 0 hello <nil>
	// 1
}
