package sock_test

import (
	"fmt"
	"io"
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/sock"
)

// A frame carries a descriptor to whoever holds the other end, which is
// usually another process.
func Example() {
	a, b, err := sock.Pair()
	if err != nil {
		fmt.Println(err)
		return
	}
	left, _ := sock.New(a)
	right, _ := sock.New(b)

	r, w, _ := os.Pipe()
	_ = left.Send([]byte("write to this"), []transport.File{w})
	w.Close()
	left.Close()

	buf := make([]byte, sock.MaxFrame)
	n, files, err := right.Receive(buf)
	fmt.Printf("%s, %d descriptor, %v\n", buf[:n], len(files), err)
	fmt.Fprint(files[0].(*os.File), "hello")
	files[0].Close()
	said, _ := io.ReadAll(r)
	fmt.Printf("%s\n", said)

	_, _, err = right.Receive(buf)
	fmt.Println(err)
	right.Close()
	r.Close()
	// Output:
	// write to this, 1 descriptor, <nil>
	// hello
	// EOF
}
