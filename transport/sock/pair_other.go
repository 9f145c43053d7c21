//go:build !linux

package sock

import (
	"errors"
	"fmt"
	"os"
)

// Pair needs Linux; elsewhere it returns an error that wraps
// errors.ErrUnsupported.
func Pair() (a, b *os.File, err error) {
	return nil, nil, fmt.Errorf("sock: pair needs Linux: %w", errors.ErrUnsupported)
}
