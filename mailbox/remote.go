package mailbox

import (
	"context"
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// RemoteError is the error with which a handler in another process has answered. A text
// of more than about 900 bytes is truncated and ends in "...".
type RemoteError struct {
	Text string
	code uint16
}

func (e *RemoteError) Error() string { return e.Text }

// Unwrap returns the sentinel error of the code, so that errors.Is works across
// processes for the errors that this library knows.
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

// known lists the errors that keep their identity across processes. An error that is
// several of them becomes the first.
var known = [...]struct {
	code uint16
	err  error
}{
	{1, ErrFull},
	{2, context.DeadlineExceeded},
	{3, context.Canceled},
	{4, ErrUnhandled},
}

// codeOther is the code of all other errors, of which only the text arrives.
const codeOther = 0

func codeOf(err error) uint16 {
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.code
		}
	}
	return codeOther
}

// putRemoteError writes a u16 code and the text to b, truncated if need be, and returns
// the number of bytes.
func putRemoteError(b []byte, err error) int {
	binary.LittleEndian.PutUint16(b, codeOf(err))
	return 2 + putText(b[2:], err.Error())
}

// putText writes text or, if there is no room, its beginning in whole characters and
// "...".
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
