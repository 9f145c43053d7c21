package guard

import (
	"errors"
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

// TestWhatIsQueued: what was said before the end is read without waiting, message by
// message, until there is none, or there are too many.
func TestWhatIsQueued(t *testing.T) {
	n, err := listenNotify()
	if err != nil {
		t.Fatal(err)
	}
	defer n.conn.Close()
	says := func(texts ...string) {
		t.Helper()
		p := testutil.Start(t, "says and ends", testutil.Spec{Args: append([]string{n.name}, texts...)})
		p.Succeeds()
	}
	said := func(ready chan struct{}) bool {
		select {
		case <-ready:
			return true
		default:
			return false
		}
	}
	ready := make(chan struct{})
	var to chan<- struct{} = ready
	says("STATUS=soon", "READY=1", "READY=1", "STATUS=over")
	if err := n.hear(&to, n.queued, 1); err != nil || said(ready) {
		t.Errorf("of the first message: %v, ready is %v", err, said(ready))
	}
	if err := n.hear(&to, n.queued, maxQueued); !errors.Is(err, unix.EAGAIN) || !said(ready) || to != nil {
		t.Errorf("of all: %v, ready is %v", err, said(ready))
	}
}

// TestReadyByAnother: the command's user may say that it is ready, and nobody else may.
func TestReadyByAnother(t *testing.T) {
	n, err := listenNotify()
	if err != nil {
		t.Fatal(err)
	}
	defer n.conn.Close()
	who := os.Geteuid()
	if who == 0 {
		who = 1 // root may say that it is anybody
	}
	c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(c)
	cred := unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(who), Gid: uint32(os.Getegid())})
	for _, user := range []int{who + 1, who} {
		n.user = user
		if err := unix.Sendmsg(c, []byte("READY=1"), cred, &unix.SockaddrUnix{Name: n.name}, 0); err != nil {
			t.Skip("this process may not say who it is: ", err)
		}
		ready := make(chan struct{})
		var to chan<- struct{} = ready
		if err := n.hear(&to, n.queued, 2); !errors.Is(err, unix.EAGAIN) || (to == nil) != (user == who) {
			t.Errorf("user %d says so, where %d may: %v, heard: %v", who, user, err, to == nil)
		}
	}
}
