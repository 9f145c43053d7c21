package wire

// Route is how a sender chooses among the actors that one number stands for.
type Route uint8

// The routes. The numbers are part of the protocol.
const (
	RouteRoundRobin  Route = 1 // one after another
	RouteLeastLoaded Route = 2 // the one with the fewest unread messages of this sender
	RouteByKey       Route = 3 // the same one for all messages of a key
	RouteBroadcast   Route = 4 // all of them
	RouteGroup       Route = 5 // all of them; they join and leave by themselves
)

// MaxMembers is how many actors one number can stand for, so that their list
// fits a frame.
const MaxMembers = 4096

// Members says for which actors the number ID stands from now on. A process that has
// asked for that number gets it before the Target, and again at each change.
type Members struct {
	ID      uint32
	Route   Route
	Name    string
	Members []uint32
	Exit    Exit // without members: how the last one ended
}

func (f *Members) fields(c *coder) {
	c.u32(&f.ID)
	c.u8((*uint8)(&f.Route))
	c.brief(&f.Name)
	c.numbers(&f.Members)
	c.exit(&f.Exit)
}

// The values of Group.Op.
const (
	GroupFind  = 1 // ask which number stands for the group; answered by Members and Target
	GroupJoin  = 2 // this actor joins; answered by Ack or, if there are too many, Target
	GroupLeave = 3 // this actor leaves; answered by Ack
)

// Group finds, joins or leaves the group of actors of that name.
type Group struct {
	Token uint64
	Op    uint8
	Name  string
}

func (f *Group) fields(c *coder) {
	c.u64(&f.Token)
	c.u8(&f.Op)
	c.brief(&f.Name)
}

// Leaving asks a process to send nothing more to the actor ID, which will end when it
// has handled what it has. Closed answers it, as it answers Gone.
type Leaving struct{ ID uint32 }

func (f *Leaving) fields(c *coder) { c.u32(&f.ID) }

// Drain asks an actor to end when it has handled all that is in its mailbox. By then
// all its senders have answered Leaving, or are dead.
type Drain struct{}

func (f *Drain) fields(*coder) {}

// LeavingText is the summary of the exit that is reported to senders of an actor that
// is about to end.
const LeavingText = "it is being stopped, and takes no more messages"
