package segment

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// BlockRef names a block in a queue entry: its segment, its index there, the
// generation of the lending, and the bytes in use.
type BlockRef = wire.BlockRef

var (
	// ErrDry says that every block that would fit is lent and the pool may
	// not grow. Take works again when one comes back.
	ErrDry = errors.New("segment: every fitting block is lent")

	// ErrUnknownSegment says that a segment has not been announced, or not
	// yet: the announcement may take another path than the entry.
	ErrUnknownSegment = errors.New("segment: unknown segment")

	// Errors of Take; see Pool.refuseTake for errNoClass.
	errTakeClosed = fmt.Errorf("segment: take: %w", transport.ErrClosed)
	errNoClass    = errors.New("all memory is in blocks of smaller sizes")
)
