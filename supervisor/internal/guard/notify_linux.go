package guard

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notifySocket is the socket that NOTIFY_SOCKET names: an abstract one, which leaves no
// file. Only the command's user and root may write to it.
type notifySocket struct {
	name string
	conn *net.UnixConn
	user int // who may write to it besides root
}

func listenNotify() (*notifySocket, error) {
	name := fmt.Sprintf("@understudy/%d/%s", os.Getpid(), rand.Text())
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("notify socket: %w", err)
	}
	raw, err := c.SyscallConn()
	if err == nil {
		err2 := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
		if err == nil {
			err = err2
		}
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("notify socket: %w", err)
	}
	return &notifySocket{name, c, unix.Geteuid()}, nil
}

// wait returns true when READY=1 has come, and false if ended is closed before. After
// that the socket is still read, so that no writer has to wait.
func (n *notifySocket) wait(ended <-chan struct{}) bool {
	ready, all := make(chan struct{}), make(chan struct{})
	go n.read(ready, all)
	select {
	case <-ready:
		return true
	case <-ended:
	}
	// A send returns when the message is in the queue of this socket. So once the queue
	// has been read, everything that the command sent before its end has been read.
	_ = n.conn.SetReadDeadline(time.Unix(1, 0))
	<-all
	select {
	case <-ready:
		return true
	default:
		return false
	}
}

// read reads the socket until it is closed, and closes ready when READY=1 has come. At
// the read deadline it reads what is still in the queue, and closes everything.
func (n *notifySocket) read(ready, all chan<- struct{}) {
	defer n.conn.Close()
	err := n.hear(&ready, n.next, 0)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = n.conn.SetReadDeadline(time.Time{})
		_ = n.hear(&ready, n.queued, maxQueued)
	}
	close(all)
	_ = n.hear(&ready, n.next, 0)
}

// maxQueued is the number of messages that are read after the command's end. A queue has
// room for net.unix.max_dgram_qlen, which is 10 or some hundred; what descendants still
// send after that is not read.
const maxQueued = 1 << 14

// hear reads messages until read fails or, if most is not 0, at most that many. At the
// first READY=1 it closes *ready and sets it to nil.
func (n *notifySocket) hear(ready *chan<- struct{}, read func(buf, oob []byte) (int, int, error), most int) error {
	buf, oob := make([]byte, 8<<10), make([]byte, 256)
	for i := 0; most == 0 || i < most; i++ {
		k, oobn, err := read(buf, oob)
		if err != nil {
			return err
		}
		closeFiles(oob[:oobn])
		if *ready != nil && n.trusted(oob[:oobn]) && saysReady(string(buf[:k])) {
			close(*ready)
			*ready = nil
		}
	}
	return nil
}

func saysReady(text string) bool {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "READY=1" {
			return true
		}
	}
	return false
}

// next waits for a message.
func (n *notifySocket) next(buf, oob []byte) (k, oobn int, err error) {
	k, oobn, _, _, err = n.conn.ReadMsgUnix(buf, oob)
	return k, oobn, err
}

// queued reads a message that is there; if there is none, it fails with EAGAIN.
func (n *notifySocket) queued(buf, oob []byte) (k, oobn int, err error) {
	raw, err := n.conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	failed := raw.Read(func(fd uintptr) bool {
		for {
			k, oobn, _, _, err = unix.Recvmsg(int(fd), buf, oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
			if err != unix.EINTR {
				return true
			}
		}
	})
	return k, oobn, errors.Join(failed, err)
}

// closeFiles closes descriptors that came with a message. The sender of BARRIER=1, such
// as systemd-notify, waits until its descriptor is closed here.
func closeFiles(oob []byte) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		for _, fd := range fds {
			if err == nil {
				unix.Close(fd)
			}
		}
	}
}

// trusted says whether a message came from the command's user or root.
func (n *notifySocket) trusted(oob []byte) bool {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for i := range msgs {
		if c, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			return c.Uid == 0 || int(c.Uid) == n.user
		}
	}
	return false
}

func accepts(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
