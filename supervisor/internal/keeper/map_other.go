//go:build !linux

package keeper

import (
	"errors"
	"fmt"
	"os"

	"github.com/understudy-go/understudy/transport/segment"
)

func mapFile(*Handle, int, segment.Form) (*segment.Memory, error) {
	return nil, fmt.Errorf("keeper: lanes exist on Linux only: %w", errors.ErrUnsupported)
}

func dup(*Handle) (*os.File, error) {
	return nil, fmt.Errorf("keeper: lanes exist on Linux only: %w", errors.ErrUnsupported)
}
