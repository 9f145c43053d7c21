//go:build !linux

package keeper

import (
	"errors"
	"fmt"
	"os"
)

func dup(*Handle) (*os.File, error) {
	return nil, fmt.Errorf("keeper: lanes exist on Linux only: %w", errors.ErrUnsupported)
}
