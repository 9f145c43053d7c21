//go:build !linux

package shared

import (
	"errors"
	"fmt"
	"os"
)

var errUnsupported = fmt.Errorf("shared: memory between processes: %w", errors.ErrUnsupported)

// Create fails: this system has no sealed memory.
func Create(string, int) (*Memory, error) { return nil, errUnsupported }

// Open fails, and closes f.
func Open(f *os.File) (*Memory, error) {
	f.Close()
	return nil, errUnsupported
}

// Close does nothing.
func (m *Memory) Close() error { return nil }

func (m *Memory) dead(uint32) (bool, error) { return false, errUnsupported }
