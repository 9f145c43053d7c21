//go:build !linux

package guard

import (
	"errors"

	"github.com/understudy-go/understudy/transport"
)

// KillReason in a Stop frame wants everything killed at once.
const KillReason = "kill"

// Serve fails with errors.ErrUnsupported.
func Serve(transport.Link, Spec, func()) error { return errors.ErrUnsupported }
