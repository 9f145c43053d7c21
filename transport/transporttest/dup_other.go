//go:build !linux

package transporttest

import (
	"errors"
	"os"

	"github.com/understudy-go/understudy/transport"
)

var nullSignal = os.Interrupt // no process is ever asked

func dup(transport.File) (*os.File, error) { return nil, errors.ErrUnsupported }
