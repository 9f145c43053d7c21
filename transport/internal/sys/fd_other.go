//go:build !linux

package sys

import "fmt"

// Limited wraps err with the operation that failed.
func Limited(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
