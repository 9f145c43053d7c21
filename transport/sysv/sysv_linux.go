package sysv

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

type unixStat = syscall.Stat_t // what os.FileInfo has

func putType(b []byte, t uint64) { binary.NativeEndian.PutUint64(b, t) }

// largest returns the size of the largest message that this machine allows.
func largest() int {
	n := MessageBytes
	for _, name := range []string{"kernel/msgmax", "kernel/msgmnb"} {
		if most := sys.Sysctl(name); most > 0 {
			n = min(n, int(min(most, MessageBytes)))
		}
	}
	return n
}

// largestUrgent returns the size of the largest message in a queue with priorities. As
// many bytes are kept for urgent messages, so that any of them fits when the queue is
// full of others.
func largestUrgent() int {
	n := largest()
	if all := sys.Sysctl("kernel/msgmnb"); all > 0 {
		n = min(n, int(min(all/4, MessageBytes)))
	}
	return n
}

// minMessage is the smallest size of a message that has room for the largest header of
// an entry.
const minMessage = 320

// Create makes a queue and returns its registry file. Remove removes both. If the
// machine refuses, the error is a *transport.LimitError.
func Create() (*os.File, error) {
	if n := largest(); n < minMessage {
		return nil, limited(unix.EMSGSIZE)
	}
	for try := 0; ; try++ {
		f, err := create(newKey())
		if err != unix.EEXIST || try == 20 {
			return f, limited(err)
		}
	}
}

// CreatePriority is Create for a queue whose messages may be urgent. It must have room
// for four messages of minMessage bytes.
func CreatePriority() (*os.File, error) {
	if n := largestUrgent(); n < minMessage {
		return nil, limitedTo(unix.EMSGSIZE, 4*minMessage)
	}
	return Create()
}

// create makes the queue of a key. EEXIST: choose another key.
func create(key uint32) (*os.File, error) {
	if _, err := sys.MsgOpen(key); err == nil {
		return nil, unix.EEXIST // another program's
	} else if err != unix.ENOENT {
		return nil, err
	}
	f, err := enter(key)
	if err != nil {
		return nil, err
	}
	// The record comes first: whenever this process is killed, the queue is known.
	if _, err = f.WriteString(record(key, ipcSpace())); err == nil {
		fault.Hit("sysv.record")
		if _, err = sys.MsgCreate(key); err == nil {
			fault.Hit("sysv.create")
			return f, nil
		}
	}
	// No queue was made; one of that key would be another program's.
	if ferr := forget(f.Name()); ferr != nil {
		err = ferr
	}
	f.Close()
	return nil, err
}

// limited adds to err which limit of the machine refused a queue.
func limited(err error) error { return limitedTo(err, minMessage) }

// limitedTo is limited for a queue that needs messages of at least least bytes.
func limitedTo(err error, least int) error {
	const op = "sysv: create a queue"
	limit := func(name string, remedy string) error {
		return &transport.LimitError{Op: op, Limit: name, Value: sys.Sysctl(name), Remedy: remedy + `, or use the queue form "ring"`, Err: err}
	}
	switch err {
	case unix.ENOSPC:
		return limit("kernel/msgmni", "raise it with sysctl kernel.msgmni, or remove queues that nobody uses (ipcs -q)")
	case unix.EMSGSIZE:
		name := "kernel/msgmax"
		if b := sys.Sysctl("kernel/msgmnb"); b < sys.Sysctl(name) {
			name = "kernel/msgmnb"
		}
		return limit(name, fmt.Sprintf("raise it with sysctl to at least %d bytes", least))
	case unix.ENOSYS:
		return limit("CONFIG_SYSVIPC", "use a 64-bit kernel that has it")
	case unix.EACCES, unix.EPERM:
		return limit("permission", "allow msgget to this process")
	}
	if _, ok := err.(syscall.Errno); ok {
		return sys.Limited(op, err)
	}
	return err
}

// port is one end of a queue.
type port struct {
	f    *os.File // owned; keeps the queue in use
	id   int
	err  error // why there is no queue
	keep int   // bytes that are kept for urgent messages, if there are any
}

func newPort(f *os.File) *port {
	p := &port{f: f}
	if p.id, p.err = queueOf(f); p.err == unix.ENOENT && removed(f) {
		// The supervisor has removed the queue before it was opened here, since the
		// other end has gone. It might as well have done so later; see send.
		p.id, p.err = -1, nil
	}
	if p.err != nil {
		p.err = fmt.Errorf("sysv: open a queue: %w: %w", transport.ErrClosed, p.err)
	}
	return p
}

// newPriorityPort is newPort for a sender of urgent messages. It also returns how many
// bytes a message can have.
func newPriorityPort(f *os.File) (kernelq.Prior, int) {
	p := newPort(f)
	p.keep = largestUrgent()
	return p, p.keep
}

// removed reports whether the registry file of a queue that is gone has lost its name,
// too. It waits a little, since Remove removes the queue first.
func removed(f *os.File) (yes bool) {
	for try := 0; !yes && try < 50; try++ {
		if try > 0 {
			time.Sleep(time.Millisecond)
		}
		_ = sys.FD(f, func(fd int) error { yes = !linked(fd); return nil })
	}
	return yes
}

// Send puts one message into the queue.
func (p *port) Send(m []byte) error {
	if p.err != nil {
		return p.err
	}
	return kernelq.Put("sysv", send, p.id, m)
}

// send makes the system call. A queue that the supervisor has removed, since nobody
// will read it, counts as full: its end is announced on the link.
func send(id int, m []byte) error {
	err := sys.MsgSend(id, m)
	if err == unix.EIDRM || err == unix.EINVAL {
		return unix.EAGAIN
	}
	return err
}

// SendUrgent puts one message before all that are not urgent.
func (p *port) SendUrgent(m []byte) error {
	putType(m, first)
	err := p.Send(m)
	putType(m, second) // for the next message in this buffer
	return err
}

// Spare reports whether n bytes fit into the queue beside the room that is kept for
// urgent messages.
func (p *port) Spare(n int) bool {
	s, err := sys.MsgInfo(p.id)
	return err != nil || s.Cbytes+uint64(n+p.keep) <= s.Qbytes
}

// Room reports whether n bytes fit into the queue; see kernelq.Roomy.
func (p *port) Room(n int) bool {
	s, err := sys.MsgInfo(p.id)
	// After an error, Send will say what is wrong.
	return err != nil || s.Cbytes+uint64(n) <= s.Qbytes
}

// Receive moves the oldest message from the queue to b.
func (p *port) Receive(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	return kernelq.Take("sysv", receive, p.id, b)
}

// receive makes the system call. A queue that was removed counts as empty.
func receive(id int, b []byte) (int, error) {
	n, err := sys.MsgReceive(id, b)
	if err == unix.ENOMSG || err == unix.EIDRM || err == unix.EINVAL {
		return 0, unix.EAGAIN
	}
	return n, err
}

// Close closes the registry file. The queue stays until Remove or Sweep.
func (p *port) Close() error {
	if p.f == nil {
		return nil
	}
	p.err = fmt.Errorf("sysv: %w", transport.ErrClosed)
	f := p.f
	p.f = nil
	return f.Close()
}
