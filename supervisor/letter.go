package supervisor

import (
	"errors"
	"fmt"
	"time"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
)

// LetterReason says why a message became a dead letter.
type LetterReason uint8

// The reasons of dead letters.
const (
	LetterHandlerError LetterReason = 1 // an OnTell handler returned an error
	LetterUnhandled    LetterReason = 2 // the actor has no handler for its type
	LetterCorrupt      LetterReason = 3 // its sender broke the rules of the lane
	LetterQuarantined  LetterReason = 4 // it was in hand at a death
	LetterUnread       LetterReason = 5 // its actor has ended for good, or its sender was a successor of it that never took over; no handler has had it
	LetterLost         LetterReason = 6 // its lane was lost because the root had no descriptor left, or cannot be read: one letter for all that is in it
)

func (r LetterReason) String() string {
	switch r {
	case LetterHandlerError:
		return "handler error"
	case LetterUnhandled:
		return "unhandled"
	case LetterCorrupt:
		return "corrupt"
	case LetterQuarantined:
		return "quarantined"
	case LetterUnread:
		return "unread"
	case LetterLost:
		return "lost"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Letter is a dead letter: a message that was in a mailbox and will never be handled.
// Decode returns the message itself if none of the program's code has ended its way: if
// it is quarantined or unread. A handler that returns an error still has its message.
type Letter struct {
	Time    time.Time
	To      uint32 // ID of the actor's Ref
	Child   string // path of the actor
	From    uint32 // ID of the sender; 0 for the root process
	Type    uint64 // identity of the message's type
	Name    string // of the type, or Type in hexadecimal
	Size    int    // bytes of payload, without lent buffers
	Reason  LetterReason
	Text    string
	Payload []byte // of a quarantined or unread message: its first 64 KiB as they were sent, for Decode; else nil
}

// ErrNoPayload is returned by Decode for a letter without a payload.
var ErrNoPayload = errors.New("supervisor: the letter has no payload: only quarantined and unread messages have")

// Decode returns the message of a quarantined or unread letter, so that the program can
// keep it or send it elsewhere. M is the type of the message; Letter.Name is its name.
// What was handed over with the message no longer exists: its buffers, files and
// streams are zero. Views are copies.
//
// It fails with ErrNoPayload; with a *codec.MismatchError if M has the message's name but
// another structure, and with another error if it has another name; with a
// *transport.SizeError if the message had more than the 64 KiB that are kept; with a
// *codec.CorruptError if the sender broke the rules.
func Decode[M any](l Letter) (M, error) {
	var m, none M
	t, err := codec.Of[M]()
	if err == nil {
		err = decodable(l, t)
	}
	if err == nil {
		err = codec.Decode(t, l.Payload, &m, &codec.Lent{Gone: true})
	}
	if err != nil {
		return none, err
	}
	return m, nil
}

// decodable returns why l does not have a whole t.
func decodable(l Letter, t *codec.Type) error {
	got := codec.ID(l.Type)
	switch {
	case l.Payload == nil:
		return fmt.Errorf("%w; this one is %s", ErrNoPayload, l.Reason)
	case got == t.ID() && len(l.Payload) < l.Size:
		return &transport.SizeError{What: "message in a letter", Size: l.Size, Limit: len(l.Payload),
			Remedy: "only its beginning is kept; send large contents in a lent buffer, or in several messages"}
	case got == t.ID():
		return nil
	case got.Name() == t.ID().Name():
		return &codec.MismatchError{Type: t, Got: got}
	}
	return fmt.Errorf("supervisor: the letter is a %s, not a %s", l.Name, t.Name())
}
