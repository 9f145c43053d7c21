//go:build !linux

package segment

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/transport"
)

// Create needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Create(name string, size int, opt Options) (*Memory, error) {
	return nil, fmt.Errorf("segment: create %s: memfd needs Linux: %w", name, errors.ErrUnsupported)
}

// Open needs Linux; elsewhere it closes f and returns an error that wraps
// errors.ErrUnsupported.
func Open(f transport.File, size int) (*Memory, error) {
	f.Close()
	return nil, fmt.Errorf("segment: open: memfd needs Linux: %w", errors.ErrUnsupported)
}
