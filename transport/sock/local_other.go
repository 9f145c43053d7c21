//go:build !linux

package sock

import (
	"errors"
	"fmt"
	"os"

	"github.com/understudy-go/understudy/transport"
)

// duplicate needs Linux.
func duplicate(transport.File) (*os.File, error) {
	return nil, fmt.Errorf("descriptors of a local link need Linux: %w", errors.ErrUnsupported)
}
