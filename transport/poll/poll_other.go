//go:build !linux

package poll

import (
	"errors"
	"fmt"
	"syscall"
)

// Watch needs Linux.
type Watch struct{}

// Start fails with errors.ErrUnsupported.
func Start(syscall.RawConn, func()) (*Watch, error) {
	return nil, fmt.Errorf("poll: this needs Linux: %w", errors.ErrUnsupported)
}

// Again returns false.
func (*Watch) Again() bool { return false }

// Stop returns false.
func (*Watch) Stop() bool { return false }
