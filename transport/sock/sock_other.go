//go:build !linux

package sock

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/understudy-go/understudy/transport"
)

var errNone = fmt.Errorf("sock: links between processes, and descriptors in any link, need Linux: %w", errors.ErrUnsupported)

// Pair fails: it needs Linux.
func Pair() (a, b *os.File, err error) { return nil, nil, errNone }

// conn needs Linux.
type conn struct{ raw syscall.RawConn }

func newConn(f *os.File) (*conn, error) {
	f.Close()
	return nil, errNone
}

func (*conn) write(frame, oob []byte) error    { return errNone }
func (*conn) tryWrite(frame, oob []byte) error { return errNone }

func (*conn) read(buf, oob []byte) (n, oobn, flags int, err error)      { return 0, 0, 0, errNone }
func (*conn) lastFrame(buf, oob []byte) (n, oobn, flags int, err error) { return 0, 0, 0, errNone }

func (*conn) readable() bool   { return true }
func (*conn) closeRead() error { return errNone }
func (*conn) close() error     { return errNone }

func duplicate(transport.File) (*os.File, error) { return nil, errNone }

// NewPassage fails: it needs Linux.
func NewPassage() (*Passage, *os.File, error) { return nil, nil, errNone }

// OpenPassage fails, and closes f.
func OpenPassage(f *os.File) (*Passage, error) {
	f.Close()
	return nil, errNone
}

// Put fails: it needs Linux.
func (*Passage) Put(uint64, []*os.File) error { return errNone }

// Take fails: it needs Linux.
func (*Passage) Take(uint64, int) ([]*os.File, error) { return nil, errNone }

// Drop fails: it needs Linux.
func Drop(transport.File, uint64) error { return errNone }
