package sock

import (
	"errors"
	"os"
)

// ErrNoFiles says that the files of a ticket are not in the passage: they have been
// taken or dropped.
var ErrNoFiles = errors.New("sock: the files are not there any more")

// Passage carries the files of a lane's messages: one packet for each message that
// has any, with a ticket that the message's entry names. Its contents outlive the
// sender, and the receiver if another process has the exit open, too. One goroutine at
// a time may use either end.
type Passage struct{ f *os.File }

// Close closes this process's end. The kernel closes the files in the passage when the
// last process has closed the exit.
func (p *Passage) Close() error { return Close(p.f) }
