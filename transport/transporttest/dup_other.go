//go:build !linux

package transporttest

import (
	"errors"
	"os"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

var nullSignal = os.Interrupt // no process is ever asked

func taken(*testing.T, transport.File) int64 { return 0 }

func dup(transport.File) (*os.File, error) { return nil, errors.ErrUnsupported }
