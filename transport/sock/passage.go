package sock

import (
	"errors"
	"os"
)

// ErrNoFiles says that the files of a ticket are not in the passage: they were
// taken or dropped before.
var ErrNoFiles = errors.New("sock: the files are not there any more")

// Passage carries the files of a lane's messages: one packet for each message
// that has any, with a ticket that the message's entry names. What is in it
// outlives the sender, and the receiver if somebody else has the exit open too.
// One goroutine at a time may use either end.
type Passage struct{ f *os.File }

// Close closes this process's end. What is in the passage is closed with the
// last process that has the exit.
func (p *Passage) Close() error { return p.f.Close() }
