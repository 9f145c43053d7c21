//go:build !linux

package mq

import (
	"os"

	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

var errNoMQ = kernelq.Unsupported("mq: POSIX message queues")

// Create needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Create() (*os.File, error) { return nil, errNoMQ }

// CreatePriority needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func CreatePriority() (*os.File, error) { return nil, errNoMQ }

// Sweep needs Linux; elsewhere there is nothing to sweep.
func Sweep() error { return nil }

// Readable needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Readable(f *os.File) error { return errNoMQ }

func newPort(*os.File) kernelq.Port { return kernelq.None{Err: errNoMQ} }

func newPriorityPort(*os.File) kernelq.Prior { return kernelq.None{Err: errNoMQ} }
