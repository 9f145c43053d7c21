package sys

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestBriefly: the close of a socket that lingers does not wait, wherever the last
// reference to it is.
func TestBriefly(t *testing.T) {
	testutil.Audit(t)
	inside := func(t *testing.T) (a, b int) { // a descriptor travels in a pair of sockets
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fd := testutil.Lingering(t)
		if err := unix.Sendmsg(pair[0], []byte{1}, unix.UnixRights(fd), nil, 0); err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		return pair[0], pair[1]
	}
	for what, close := range map[string]func(t *testing.T) func(){
		"a socket": func(t *testing.T) func() {
			fd := testutil.Lingering(t)
			return func() { unix.Close(fd) }
		},
		"a file of one": func(t *testing.T) func() {
			f := os.NewFile(uintptr(testutil.Lingering(t)), "socket")
			return func() { f.Close() }
		},
		"the socket that it travels in": func(t *testing.T) func() {
			a, b := inside(t)
			return func() { unix.Close(b); unix.Close(a) }
		},
		"a packet that is read without it": func(t *testing.T) func() {
			a, b := inside(t)
			t.Cleanup(func() { unix.Close(b); unix.Close(a) })
			return func() { _, _ = unix.Read(b, make([]byte, 8)) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := close(t)
			begun := time.Now()
			Briefly(f)
			if d := time.Since(begun); d > 20*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}
