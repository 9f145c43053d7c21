package guard

import (
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

var _ = testutil.Helper("says and ends", func(c *testutil.Child) int {
	n, err := net.Dial("unixgram", c.Args[0])
	for _, text := range c.Args[1:] {
		if err == nil {
			_, err = n.Write([]byte(text))
		}
	}
	if err != nil {
		c.Say(err)
		return 1
	}
	return 0
})

// TestReadyBeforeTheEnd: what a command said before it ended is heard, however
// late it is looked at; and one that said nothing is not waited for.
func TestReadyBeforeTheEnd(t *testing.T) {
	for _, c := range []struct {
		says  []string
		ready bool
	}{
		{nil, false},
		{[]string{"STATUS=soon"}, false},
		{[]string{"READY=1"}, true},
		{[]string{"STATUS=soon", "MAINPID=1\nSTATUS=now", "STATUS=yes\nREADY=1\n", "STATUS=over"}, true},
	} {
		n, err := listenNotify()
		if err != nil {
			t.Fatal(err)
		}
		p := testutil.Start(t, "says and ends", testutil.Spec{Args: append([]string{n.name}, c.says...)})
		if s := p.Wait(); !s.Success() {
			t.Fatal(s)
		}
		ended := make(chan struct{})
		close(ended)
		if ready := n.wait(ended); ready != c.ready {
			t.Errorf("after %q: ready is %v", c.says, ready)
		}
		n.conn.Close()
	}
}

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
