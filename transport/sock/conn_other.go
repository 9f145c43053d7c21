//go:build !linux

package sock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// conn needs Linux.
type conn struct{ raw syscall.RawConn }

// newConn takes f.
func newConn(f *os.File) (*conn, error) {
	f.Close()
	return nil, fmt.Errorf("links need Linux: %w", errors.ErrUnsupported)
}

func (*conn) write(frame, oob []byte) error    { return errors.ErrUnsupported }
func (*conn) tryWrite(frame, oob []byte) error { return errors.ErrUnsupported }

func (*conn) read(buf, oob []byte) (n, oobn, flags int, err error) {
	return 0, 0, 0, errors.ErrUnsupported
}

func (*conn) lastFrame(buf, oob []byte) (n, oobn, flags int, err error) {
	return 0, 0, 0, errors.ErrUnsupported
}

func (*conn) readable() bool   { return true }
func (*conn) closeRead() error { return errors.ErrUnsupported }
func (*conn) close() error     { return errors.ErrUnsupported }
