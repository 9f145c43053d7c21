package mailbox

import (
	"context"
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// RemoteError is the error that a handler answered with, in another process. A text
// of more than about 900 bytes is cut, and ends in "...".
type RemoteError struct {
	Text string
	code uint16
}

func (e *RemoteError) Error() string { return e.Text }

// Unwrap returns the sentinel that the code stands for, so that errors.Is
// works across the processes for the errors that this library knows.
func (e *RemoteError) Unwrap() error {
	for _, k := range known {
		if k.code == e.code {
			return k.err
		}
	}
	return nil
}

// ErrUnhandled says that the actor has no handler for the message's type.
var ErrUnhandled = errors.New("mailbox: the actor has no handler for this message")

// known is the errors that cross processes with their identity. Of an error that is
// several of them, the first one here does.
var known = [...]struct {
	code uint16
	err  error
}{
	{1, ErrFull},
	{2, context.DeadlineExceeded},
	{3, context.Canceled},
	{4, ErrUnhandled},
}

// codeOther is that of an error which is known by its text only.
const codeOther = 0

func codeOf(err error) uint16 {
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.code
		}
	}
	return codeOther
}

// putRemoteError writes u16 code and the text, as far as there is room in b.
func putRemoteError(b []byte, err error) int {
	binary.LittleEndian.PutUint16(b, codeOf(err))
	return 2 + putText(b[2:], err.Error())
}

// putText writes text, or its beginning in whole characters and "...".
func putText(b []byte, text string) int {
	if len(text) <= len(b) {
		return copy(b, text)
	}
	const more = "..."
	n := len(b) - len(more)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return copy(b, text[:n]+more)
}

func parseRemoteError(b []byte) error {
	if len(b) < 2 {
		return errNoReply
	}
	return &RemoteError{code: binary.LittleEndian.Uint16(b), Text: string(b[2:])}
}

var errNoReply = errors.New("mailbox: empty reply")
