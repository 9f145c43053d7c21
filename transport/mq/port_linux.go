package mq

import (
	"os"

	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

func newPort(f *os.File) *kernelq.FD { return kernelq.NewFD("mq", f, sys.MqSend, sys.MqReceive) }

// port is one end of a queue with priorities: an FD whose urgent messages have
// priority 1.
type port struct{ *kernelq.FD }

// newPriorityPort is newPort for a sender of urgent messages.
func newPriorityPort(f *os.File) kernelq.Prior { return port{newPort(f)} }

// SendUrgent puts one message before all that are not urgent.
func (p port) SendUrgent(m []byte) error { return p.SendBy(sys.MqSendUrgent, m) }

// Spare reports whether one more message leaves the places that are kept for urgent
// ones.
func (p port) Spare(int) bool {
	a, err := sys.MqGetAttr(p.Number())
	return err != nil || a.CurMsgs+kept(a.MaxMsg) < a.MaxMsg // after an error, Send says what is wrong
}

// kept returns how many of depth places are kept for urgent messages.
func kept(depth int) int { return max(1, depth/5) }
