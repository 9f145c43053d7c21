//go:build !linux

package notify

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/transport"
)

// NewFutex needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func NewFutex() (transport.Notifier, error) {
	return nil, fmt.Errorf("notify: futex needs Linux: %w", errors.ErrUnsupported)
}

// NewEventfd needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func NewEventfd() (transport.Notifier, error) {
	return nil, fmt.Errorf("notify: eventfd needs Linux: %w", errors.ErrUnsupported)
}

// Check fails with errors.ErrUnsupported.
func Check(transport.File) error { return errors.ErrUnsupported }
