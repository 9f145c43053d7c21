//go:build !linux

package mq

import (
	"errors"
	"fmt"
	"os"

	"github.com/understudy-go/understudy/transport"
)

var errNoMQ = fmt.Errorf("mq: POSIX message queues are used on Linux only: %w", errors.ErrUnsupported)

// Create needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Create(depth, size int) (*os.File, error) { return nil, errNoMQ }

// Sweep needs Linux; elsewhere there is nothing to sweep.
func Sweep(pid int) error { return nil }

// Readable needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Readable(f *os.File) error { return errNoMQ }

// NewSender needs Linux; elsewhere all methods of the sender fail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender { return none{} }

// NewReceiver needs Linux; elsewhere all methods of the receiver fail.
func NewReceiver(f *os.File, taken []byte, start uint64, page *transport.RecvPage, carry []byte) transport.Receiver {
	return noReceiver{}
}

type none struct{}

func (none) Reserve(int) ([]byte, error) { return nil, errNoMQ }
func (none) Commit() error               { return errNoMQ }
func (none) Next() uint64                { return 0 }
func (none) MaxEntry() int               { return 0 }
func (none) Close() error                { return nil }

type noReceiver struct{}

func (noReceiver) Next() (transport.Entry, error) { return transport.Entry{}, errNoMQ }
func (noReceiver) Done()                          {}
func (noReceiver) Release()                       {}
func (noReceiver) Close() error                   { return nil }
