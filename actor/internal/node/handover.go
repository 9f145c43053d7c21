package node

import (
	"fmt"
	"os"
	"slices"

	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Handover is an actor's part in its own replacement. The actor's loop calls the methods
// between two messages.
type Handover interface {
	Busy() bool           // something is unfinished that a successor could not continue
	Give() (State, error) // returns what its successor gets; Type 0 means nothing
	Take(State) error     // takes what its predecessor gives; an *UnknownStateError if it does not know the type
}

// State is a value that crosses from one incarnation to the next.
type State struct {
	Type   uint64
	Name   string // of the type
	Bytes  []byte
	Memory *segment.Memory // that Bytes is in, or nil
}

// UnknownStateError says that nothing takes a state of that type.
type UnknownStateError struct {
	Name string
	New  uint64 // identity of the type with that name that is taken, or 0
}

func (e *UnknownStateError) Error() string { return fmt.Sprintf("no OnState takes %s", e.Name) }

// handover is the state of a replacement in this process. Node.mu guards it, except
// given, which is the loop's.
type handover struct {
	actor   Handover
	standBy bool        // it is a successor, and has no mailbox yet
	asked   uint32      // the incarnation to hand over to, and to wait for; 0: none
	given   uint32      // the incarnation that it has handed over to
	state   *wire.State // to be taken
	file    transport.File
}

// OnHandover sets what this actor does when it is replaced. It is called before Ready.
func (n *Node) OnHandover(h Handover) { n.hand.actor = h }

// handoverStep takes a step that the supervisor asks for.
func (n *Node) handoverStep(f *wire.Handover) {
	n.mu.Lock()
	switch f.Step {
	case wire.StepStandBy:
		n.hand.standBy = true
	case wire.StepGive:
		n.hand.asked = f.Successor
	case wire.StepGoOn:
		if n.hand.asked == f.Successor {
			n.hand.asked = 0
		}
	case wire.StepTakeOver:
		n.hand.standBy = false
	}
	n.mu.Unlock()
	n.kick()
}

// stateCame keeps the predecessor's state for the loop.
func (n *Node) stateCame(f *wire.State, file transport.File) {
	n.mu.Lock()
	n.hand.state, n.hand.file = f, file
	n.mu.Unlock()
	n.kick()
}

// StandsBy says whether this process is a successor that has not taken over.
func (n *Node) StandsBy() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hand.standBy
}

// replacing carries out, between two messages, what a replacement asks for. It says
// whether this process is involved in one, and whether the next message has to wait.
func (n *Node) replacing() (concerned, hold bool) {
	n.mu.Lock()
	h := &n.hand
	standBy, asked, state, file := h.standBy, h.asked, h.state, h.file
	h.state, h.file = nil, nil
	isLink := func(d down) bool { return d.m == nil }
	linked := slices.ContainsFunc(n.downs, isLink) || slices.ContainsFunc(n.due, isLink) // a notice waits, for the last messages or for the loop
	n.mu.Unlock()
	switch {
	case standBy:
		if state != nil {
			n.take(state, file)
		}
		return true, true
	case asked == 0:
		return false, false
	case asked == h.given:
		return true, true
	case linked, h.actor.Busy():
		return true, false
	}
	h.given = asked
	n.give(asked)
	return true, true
}

// give hands over to that successor, or reports why it cannot.
func (n *Node) give(successor uint32) {
	f := &wire.State{Successor: successor}
	fault.Hit("handover.give")
	s, err := n.hand.actor.Give()
	var files []transport.File
	switch {
	case err != nil:
		f.What, f.Text = wire.StateRefused, err.Error()
	case s.Type == 0:
	default:
		f.What, f.Type, f.Text, f.Size = wire.StateValue, s.Type, s.Name, uint64(len(s.Bytes))
		if s.Memory == nil {
			f.Bytes = s.Bytes
		} else {
			files = append(files, s.Memory.File())
		}
	}
	if err := n.send(f, files...); err != nil && !n.Closed() {
		n.cfg.Log.Error("state could not be handed over", "err", err)
	}
	if s.Memory != nil {
		s.Memory.Close()
	}
	fault.Hit("handover.given")
}

// take takes the predecessor's state, and reports whether it could.
func (n *Node) take(f *wire.State, file transport.File) {
	t := &wire.Taken{Successor: f.Successor}
	fault.Hit("handover.take")
	if err := n.takeState(f, file); err != nil {
		t.What, t.Text = wire.TakenRefused, err.Error()
		if u, ok := err.(*UnknownStateError); ok {
			t.What, t.Type = wire.TakenUnknown, u.New
		}
	}
	if err := n.send(t); err != nil && !n.Closed() {
		n.cfg.Log.Error("answer to a state could not be sent", "err", err)
	}
	fault.Hit("handover.taken")
}

func (n *Node) takeState(f *wire.State, file transport.File) error {
	s := State{Type: f.Type, Name: f.Text, Bytes: f.Bytes}
	if file != nil {
		const limit = 1 << 46
		if f.Size > limit {
			file.Close()
			return &transport.CorruptError{What: "size of a state", Value: f.Size, Limit: limit}
		}
		mem, err := segment.Open(file.(*os.File), int(f.Size))
		if err != nil {
			return err
		}
		defer mem.Close()
		s.Bytes = mem.Bytes()[:f.Size]
	}
	return n.hand.actor.Take(s)
}

// systemWait waits for something from the supervisor, not for messages.
type systemWait struct{ n *Node }

func (w *systemWait) ready() bool { return w.n.system.Load() }
func (w *systemWait) poll() bool  { return w.ready() }
func (w *systemWait) loop() bool  { return true }
func (w *systemWait) width() int  { return 0 }

// Kick makes the actor's loop look at everything again.
func (n *Node) Kick() { n.kick() }
