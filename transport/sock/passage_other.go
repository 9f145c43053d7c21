//go:build !linux

package sock

import (
	"errors"
	"fmt"
	"os"

	"github.com/understudy-go/understudy/transport"
)

var errNoPassage = fmt.Errorf("sock: a passage needs Linux: %w", errors.ErrUnsupported)

// NewPassage fails: it needs Linux.
func NewPassage() (*Passage, *os.File, error) { return nil, nil, errNoPassage }

// OpenPassage fails, and closes f.
func OpenPassage(f *os.File) (*Passage, error) {
	f.Close()
	return nil, errNoPassage
}

// Put fails: it needs Linux.
func (*Passage) Put(uint64, []*os.File) error { return errNoPassage }

// Take fails: it needs Linux.
func (*Passage) Take(uint64, int) ([]*os.File, error) { return nil, errNoPassage }

// Drop fails: it needs Linux.
func Drop(transport.File, uint64) error { return errNoPassage }
