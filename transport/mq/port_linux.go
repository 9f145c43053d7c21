package mq

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

func newPort(f *os.File) *kernelq.FD {
	return (&kernelq.FD{Form: "mq", File: f, Put: sys.MqSend, Take: sys.MqReceive}).Open()
}

// messageBytes is the size of the largest message of f.
func messageBytes(f *os.File) (n int) {
	n = MessageBytes
	_ = sys.FD(f, func(fd int) error {
		if a, err := sys.MqGetAttr(fd); err == nil && a.MsgSize >= HeaderBytes && a.MsgSize <= transport.TakenBytes {
			n = a.MsgSize
		}
		return nil
	})
	return n
}
