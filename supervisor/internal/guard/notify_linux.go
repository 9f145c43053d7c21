package guard

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notifySocket is what NOTIFY_SOCKET names: an abstract socket, which leaves no
// file. Whoever is of that user or root may write to it.
type notifySocket struct {
	name string
	conn *net.UnixConn
	user int // who may write to it beside root
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

// wait returns true when somebody has said READY=1, false when ended is closed
// before. After that the socket is read further, so that no writer waits.
func (n *notifySocket) wait(ended <-chan struct{}) bool {
	ready := make(chan struct{})
	go func() {
		defer n.conn.Close()
		buf, oob := make([]byte, 8<<10), make([]byte, 256)
		for said := false; ; {
			k, oobn, _, _, err := n.conn.ReadMsgUnix(buf, oob)
			if err != nil {
				return
			}
			closeFiles(oob[:oobn])
			if said || !n.trusted(oob[:oobn]) {
				continue
			}
			for line := range strings.Lines(string(buf[:k])) {
				if strings.TrimSpace(line) == "READY=1" {
					said = true
				}
			}
			if said {
				close(ready)
			}
		}
	}()
	select {
	case <-ready:
		return true
	case <-ended:
		// What it said before it ended is still there to be read.
		select {
		case <-ready:
			return true
		case <-time.After(lookTime):
			return false
		}
	}
}

// closeFiles closes descriptors that came along. The sender of BARRIER=1,
// systemd-notify for one, waits until its descriptor is closed here.
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
