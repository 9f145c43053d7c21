package actor

// Tells marks a message that is told to actors of protocol P: embed it in the
// message type. It takes no space, neither in memory nor on the way.
type Tells[P any] struct{}

func (Tells[P]) toldTo(P) {}

// Asks marks a message that is asked of actors of protocol P, which answer with an R:
// embed it in the message type. It takes no space, neither in memory nor on the way.
type Asks[P, R any] struct{}

func (Asks[P, R]) askedOf(P) (r R) { return r }

// ToldTo is the constraint of messages that can be told to actors of protocol
// P: those that embed Tells[P].
type ToldTo[P any] interface{ toldTo(P) }

// AskedOf is the constraint of messages that can be asked of actors of protocol P,
// which answer with an R: those that embed Asks[P, R].
type AskedOf[P, R any] interface{ askedOf(P) R }

// Ref is the address of an actor of protocol P. It stays valid when the actor's process
// dies and another one is started. It is a number that may travel in messages and means
// the same in every process of the program. The zero Ref addresses nothing.
type Ref[P any] struct {
	ID uint32 // the supervisor's number of the child; 0 addresses nothing
}
