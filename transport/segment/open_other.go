//go:build !linux

package segment

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/transport"
)

func create(f Form, name string, size int, opt Options) (*Memory, error) {
	return nil, fmt.Errorf("segment: create %s: %v needs Linux: %w", name, f, errors.ErrUnsupported)
}

// Open needs Linux; elsewhere it closes f and returns an error that wraps
// errors.ErrUnsupported.
func Open(f transport.File, size int) (*Memory, error) { return OpenForm(f, size, FormAuto) }

// OpenForm needs Linux; elsewhere it closes f and returns an error that wraps
// errors.ErrUnsupported.
func OpenForm(f transport.File, size int, form Form) (*Memory, error) {
	f.Close()
	return nil, fmt.Errorf("segment: open: it needs Linux: %w", errors.ErrUnsupported)
}

func openFilled(f transport.File, size int, form Form) (*Memory, error) {
	return OpenForm(f, size, form)
}

// Peek needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Peek(transport.File, int, Form) (*Memory, error) {
	return nil, fmt.Errorf("segment: open: it needs Linux: %w", errors.ErrUnsupported)
}

// Hold needs Linux; elsewhere nothing has to be held.
func Hold(f transport.File, size int, form Form) (*Memory, error) { return nil, nil }

// Sweep needs Linux; elsewhere nothing can have been left.
func Sweep(pid int) error { return nil }

// CreateFile needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func CreateFile(path string, size int, keep bool, opt Options) (*Memory, error) {
	return nil, fmt.Errorf("segment: create %s: it needs Linux: %w", path, errors.ErrUnsupported)
}

// OpenFile needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func OpenFile(path string, write bool) (*Memory, error) {
	return nil, fmt.Errorf("segment: open %s: it needs Linux: %w", path, errors.ErrUnsupported)
}

// Sync needs Linux; elsewhere there is nothing to write.
func (m *Memory) Sync() error { return nil }

func promised() bool { return true }
