package guard

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNotifyBarrier: whoever sends a descriptor waits until it is closed, by
// the protocol of sd_notify_barrier. The end of file is that.
func TestNotifyBarrier(t *testing.T) {
	n, err := listenNotify()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	ready := make(chan bool)
	go func() { ready <- n.wait(ended) }()
	c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(c)
	for _, text := range []string{"STATUS=soon\nREADY=1", "BARRIER=1"} { // before it is ready, and after
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := unix.Sendmsg(c, []byte(text), unix.UnixRights(int(w.Fd())), &unix.SockaddrUnix{Name: n.name}, 0); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, err := io.ReadAll(r); err != nil { // hangs as long as somebody has w
			t.Fatal(err)
		}
	}
	if !<-ready {
		t.Error("READY=1 was not heard")
	}
	n.conn.Close()
	close(ended)
}
