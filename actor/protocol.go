package actor

// Tells marks a message that is told to actors of protocol P: embed it. It
// takes no space, in memory and in transit.
type Tells[P any] struct{}

func (Tells[P]) toldTo(P) {}

// Asks marks a message that is asked of actors of protocol P and answered by
// an R: embed it. It takes no space, in memory and in transit.
type Asks[P, R any] struct{}

func (Asks[P, R]) askedOf(P) (r R) { return r }

// ToldTo is the constraint of messages that can be told to actors of protocol
// P: those that embed Tells[P].
type ToldTo[P any] interface{ toldTo(P) }

// AskedOf is the constraint of messages that can be asked of actors of
// protocol P and are answered by an R: those that embed Asks[P, R].
type AskedOf[P, R any] interface{ askedOf(P) R }

// Ref addresses an actor of protocol P, whatever incarnation of it is alive.
// It is a number, legal in messages, and valid in every process of the
// program that made it, for as long as that runs. The zero Ref addresses
// nothing.
type Ref[P any] struct {
	ID uint32 // the supervisor's number of the child; 0 addresses nothing
}
