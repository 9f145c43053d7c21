package mq

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// port is a queue's end with priorities: an FD whose urgent messages have
// priority 1.
type port struct {
	*kernelq.FD
	depth int // messages that the queue holds
}

// newPriorityPort is newPort for a sender of urgent messages.
func newPriorityPort(f *os.File) kernelq.Prior {
	p := &port{FD: newPort(f)}
	if a, err := sys.MqGetAttr(p.Number()); err == nil {
		p.depth = a.MaxMsg
	}
	return p
}

// SendUrgent puts one message before all that are not urgent.
func (p *port) SendUrgent(m []byte) error { return p.SendBy(sys.MqSendUrgent, m) }

// Spare says whether one more message leaves what is kept for urgent ones.
func (p *port) Spare(int) bool {
	a, err := sys.MqGetAttr(p.Number())
	return err != nil || a.CurMsgs+kept(p.depth) < p.depth // Send says what is wrong
}

// kept is how many of depth messages are kept for urgent ones.
func kept(depth int) int { return max(1, depth/5) }

// CreatePriority is Create of a queue whose messages may be urgent.
func CreatePriority(depth, size int) (*os.File, error) {
	if depth == 1 || depth == 0 && sys.Sysctl("fs/mqueue/msg_max") == 1 {
		return nil, &transport.LimitError{Op: "mq: create a queue with room that is kept for urgent messages", Limit: "fs.mqueue.msg_max", Value: sys.Sysctl("fs/mqueue/msg_max"),
			Remedy: `raise it with sysctl to 2 at least, or use the queue form "sysv"`, Err: fmt.Errorf("%w: a queue of one message", unix.EINVAL)}
	}
	return Create(depth, size)
}
