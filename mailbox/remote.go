package mailbox

import (
	"context"
	"encoding/binary"
	"errors"
)

// The codes of errors that cross processes with their identity.
const (
	codeOther     = 0 // known by its text only
	codeFull      = 1 // ErrFull
	codeDeadline  = 2 // context.DeadlineExceeded
	codeCanceled  = 3 // context.Canceled
	codeUnhandled = 4 // ErrUnhandled
)

// ErrUnhandled says that the actor has no handler for the message's type.
var ErrUnhandled = errors.New("mailbox: the actor has no handler for this message")

var codeErrors = map[uint16]error{
	codeFull:      ErrFull,
	codeDeadline:  context.DeadlineExceeded,
	codeCanceled:  context.Canceled,
	codeUnhandled: ErrUnhandled,
}

func codeOf(err error) uint16 {
	for code, known := range codeErrors {
		if errors.Is(err, known) {
			return code
		}
	}
	return codeOther
}

// putRemoteError writes u16 code and the text, cut to the room there is.
func putRemoteError(b []byte, err error) int {
	binary.LittleEndian.PutUint16(b, codeOf(err))
	return 2 + copy(b[2:], err.Error())
}

func parseRemoteError(b []byte) error {
	if len(b) < 2 {
		return errNoReply
	}
	return &RemoteError{code: binary.LittleEndian.Uint16(b), Text: string(b[2:])}
}
