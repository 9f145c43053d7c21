//go:build !linux

package sandbox

import "errors"

// Rules are Paths whose files have been looked up; there are none.
type Rules struct{}

// Open fails: this needs Linux.
func (Paths) Open() (*Rules, error) { return nil, errors.ErrUnsupported }

// Restrict fails: this needs Linux.
func (*Rules) Restrict() error { return errors.ErrUnsupported }

// Close does nothing.
func (*Rules) Close() {}

// Numbers fails: this needs Linux.
func Numbers([]string) ([]uint32, error) { return nil, errors.ErrUnsupported }

// Deny fails: this needs Linux.
func Deny([]uint32, bool) error { return errors.ErrUnsupported }
