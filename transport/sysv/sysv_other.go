//go:build !linux

package sysv

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
)

var errNone = kernelq.Unsupported("sysv: SysV message queues")

// Create needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Create() (*os.File, error) { return nil, errNone }

// CreatePriority needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func CreatePriority() (*os.File, error) { return nil, errNone }

// Remove needs Linux; elsewhere there is nothing to remove.
func Remove(transport.File) error { return nil }

// Sweep needs Linux; elsewhere there is nothing to sweep.
func Sweep() error { return nil }

// Leave needs Linux; elsewhere there is nothing to remove.
func Leave(bool, []string) error { return nil }

// Elsewhere needs Linux; elsewhere there is nothing to find.
func Elsewhere(func() ([]int, bool)) []string { return nil }

func newPort(*os.File) kernelq.Port { return kernelq.None{Err: errNone} }

func newPriorityPort(*os.File) (kernelq.Prior, int) { return kernelq.None{Err: errNone}, MessageBytes }

func putType([]byte, uint64) {}

func largest() int { return MessageBytes }
