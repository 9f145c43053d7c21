//go:build !linux

package process

import "fmt"

// Limited wraps err with what was tried.
func Limited(op string, err error) error { return fmt.Errorf("%s: %w", op, err) }
