//go:build !linux

package seqpacket

import (
	"os"

	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

var errNone = kernelq.Unsupported("seqpacket: packet sockets as queues")

// Create needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Create() (send, receive *os.File, err error) { return nil, nil, errNone }

func newPort(*os.File) kernelq.Port { return kernelq.None{Err: errNone} }
