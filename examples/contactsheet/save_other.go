//go:build !linux

package main

import (
	"errors"
	"fmt"
)

// saveUnnamed needs a file without a name, which only Linux has.
func saveUnnamed(string, []byte) error {
	return fmt.Errorf("a file without a name: %w", errors.ErrUnsupported)
}
