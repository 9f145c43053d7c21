package sys

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// lingering is a socket whose close waits for a minute, since its peer reads nothing.
func lingering(t *testing.T) (fd int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Skip(err)
	}
	defer c.Close()
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fd, err = unix.Dup(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 1<<20); err == nil; {
		_, err = unix.Write(fd, b)
	}
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 60}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestBriefly: the close of a socket that lingers does not wait, wherever the last
// reference to it is.
func TestBriefly(t *testing.T) {
	testutil.Audit(t)
	inside := func(t *testing.T) (a, b int) { // a descriptor travels in a pair of sockets
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fd := lingering(t)
		if err := unix.Sendmsg(pair[0], []byte{1}, unix.UnixRights(fd), nil, 0); err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		return pair[0], pair[1]
	}
	for what, close := range map[string]func(t *testing.T) func(){
		"a socket": func(t *testing.T) func() {
			fd := lingering(t)
			return func() { unix.Close(fd) }
		},
		"a file of one": func(t *testing.T) func() {
			f := os.NewFile(uintptr(lingering(t)), "socket")
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
