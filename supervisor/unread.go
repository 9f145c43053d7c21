package supervisor

import (
	"context"
	"fmt"
)

// Unread returns how many messages wait in the mailbox of an actor, or in those of a
// pool's members together: sent, and not yet given to a handler. The message in hand is
// not among them. Nor are those of senders that wait for room, and of streams it counts
// the pieces. It works while the actor hangs, is stopped or is being restarted. While
// messages come and go the number is that of one moment, as near as it can be known. A
// call takes some microseconds of the root for each process that has sent the actor
// something. id is the field ID of its Ref; what has no mailbox has 0, and the error for
// a number that the program does not know is ErrNotFound.
func (s *Supervisor) Unread(id uint32) (n int, err error) {
	if s.ofActor() {
		out := s.askRoot(context.Background(), order{What: orderUnread, ID: id})
		return out.Unread, out.err()
	}
	err = ErrEnded
	s.call(func() {
		c := s.children[id]
		if c == nil {
			err = commandError(nil, id, ErrNotFound)
			return
		}
		var of uint64
		if of, err = s.keeper.Unread(id); err != nil {
			err = fmt.Errorf("supervisor: mailbox of %s: %w", c.name, err)
		}
		n = int(of)
	})
	return n, err
}
