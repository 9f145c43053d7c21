//go:build !linux

package mailbox

import (
	"errors"
	"fmt"
	"os"

	"github.com/understudy-go/understudy/transport"
)

func dup(transport.File) (*os.File, error) {
	return nil, fmt.Errorf("mailbox: measure: %w", errors.ErrUnsupported)
}
