package keeper

import (
	"fmt"
	"log/slog"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// Post queues a frame for a process. It does not block, and owns its handles.
type Post func(f wire.Frame, files ...*Handle)

// Letter is a message that could not be delivered.
type Letter struct {
	wire.Letter
	Payload []byte // up to MaxLetter bytes of what was in hand or unread; nil: not wanted, or not to be had
}

// MaxLetter is the number of bytes that are kept of a message.
const MaxLetter = 64 << 10

// Keeper holds the mailboxes of a program.
type Keeper struct {
	Log    *slog.Logger
	Letter func(Letter) // called for each dead letter
	// Payloads says that letters are wanted with their payload.
	Payloads bool
	// Crowded is called when a sender finds a mailbox full because of what its
	// earlier incarnations have sent.
	Crowded func(to uint32, from wire.Addr)
	// Linked is called when an actor linked with peer has ended, so that peer has to
	// end too.
	Linked func(peer wire.Addr, exit *wire.Exit)
	Number func() uint32 // makes the number of a group
	// Overrun is called when a process has asked for more than Bounds allows, so that
	// it has to end.
	Overrun func(who wire.Addr, err *BoundError)
	Bounds  Bounds

	children  map[uint32]*child
	pools     map[uint32]*pool
	groups    map[string]*pool
	emptyings uint64 // how often a pool or group has become empty
	lanes     map[laneKey]*held
	monitors  []watcher
	links     map[link]wire.Addr // the incarnation that asked for it
	types     map[uint64]string  // names of types, as processes have told them
	nameBytes int                // bytes of these names

	used      map[wire.Addr]*usage
	condemned map[wire.Addr]struct{} // processes that have asked for too much

	parked []parked
	past   past
}

// New returns an empty keeper.
func New(log *slog.Logger, letter func(Letter)) *Keeper {
	return &Keeper{Log: log, Letter: letter, children: map[uint32]*child{}, pools: map[uint32]*pool{}, groups: map[string]*pool{}, lanes: map[laneKey]*held{}, links: map[link]wire.Addr{},
		types: map[uint64]string{}, used: map[wire.Addr]*usage{}, condemned: map[wire.Addr]struct{}{}, Bounds: DefaultBounds()}
}

// Frame handles a frame of a running process. It owns files.
func (k *Keeper) Frame(from wire.Addr, f wire.Frame, files []transport.File) {
	hs := make([]*Handle, len(files))
	for i, file := range files {
		hs[i] = NewHandle(file)
	}
	if len(hs) != wire.Files(f) {
		k.Log.Error("frame refused: wrong number of descriptors", "from", from, "kind", f.Kind(), "got", len(hs), "want", wire.Files(f))
		ReleaseAll(hs)
		return
	}
	if _, ok := k.condemned[from]; ok && wants(f) {
		ReleaseAll(hs)
		return
	}
	switch f := f.(type) {
	case *wire.Resolve:
		k.resolve(from, f)
	case *wire.Open:
		k.removeLast(f, hs)
		k.open(from, f, hs)
	case *wire.Page:
		k.page(from, f, hs)
	case *wire.Segment:
		k.segment(from, f, hs)
	case *wire.Passage:
		k.passage(from, f, hs)
	case *wire.Drained:
		if l := k.lanes[laneKey{f.From, from.ID}]; l != nil && l.retired {
			k.drop(l)
		}
	case *wire.Closed:
		if l := k.lanes[laneKey{from, f.To}]; l != nil && l.ending != nil {
			k.bury(l)
		} else if c := k.children[f.To]; c != nil {
			c.hasClosed(from)
		}
	case *wire.Monitor:
		k.monitor(from, f)
	case *wire.Group:
		k.group(from, f)
	case *wire.Types:
		k.learn(f)
	case *wire.Trap:
		k.trap(from)
	case *wire.Link:
		k.link(from, f)
	case *wire.Letter:
		k.told(from, f)
	default:
		k.Log.Error("frame has no meaning here", "from", from, "kind", f.Kind())
		ReleaseAll(hs)
	}
}

// wants says whether a process asks for something with f. By its other frames it says
// what it has done, which is true even if it is about to be killed: without its page, what
// it reads before its end would be lost, or handled again; without a lane that it has
// made, so would be what it has told there; a letter that it has sent is of a message that
// is dealt with.
func wants(f wire.Frame) bool {
	switch f.(type) {
	case *wire.Resolve, *wire.Segment, *wire.Passage, *wire.Monitor, *wire.Group, *wire.Link:
		return true
	}
	return false
}

// told passes on what an actor says of a message in its own mailbox. Of others it has
// nothing to say, nor of what only the supervisor finds.
func (k *Keeper) told(from wire.Addr, f *wire.Letter) {
	if f.To != from.ID || f.Reason < wire.LetterHandlerError || f.Reason > wire.LetterCorrupt {
		k.Log.Error("dead letter refused: not of its own mailbox, or for a reason that it cannot know", "from", from, "to", f.To, "reason", f.Reason)
		return
	}
	switch l := k.lanes[laneKey{f.From, from.ID}]; {
	case l == nil:
	case f.Reason != wire.LetterCorrupt:
		l.told = told{from.Incarnation, f.Seq}
	case l.broken != from.Incarnation:
		l.broken = from.Incarnation
		k.post(l.from, &wire.Closed{To: l.to}) // otherwise asks on this lane would wait in vain
	}
	f.From.ID = min(f.From.ID, 1<<31)
	k.Letter(Letter{Letter: *f})
}

// post queues a frame for an incarnation, if it is alive.
func (k *Keeper) post(to wire.Addr, f wire.Frame, files ...*Handle) {
	if c := k.children[to.ID]; c != nil {
		if post, _ := c.process(to); post != nil {
			post(f, files...)
			return
		}
	}
	ReleaseAll(files)
}

// Close drops everything. All senders have ended.
func (k *Keeper) Close() {
	for _, l := range k.sorted(func(*held) bool { return true }) {
		if l.ending != nil {
			k.bury(l)
			continue
		}
		k.drop(l)
	}
}

// maxTypes and maxNamed bound the number and the bytes of names that are kept, since a
// process may tell anything.
const (
	maxTypes = 1 << 16
	maxNamed = 8 << 20
)

func (k *Keeper) learn(f *wire.Types) {
	for i, t := range f.Types {
		if name := k.types[t.ID]; name == t.Name {
			f.Types[i].Name = name // shares the string with all others that have this type
			continue
		}
		k.nameBytes -= len(k.types[t.ID])
		delete(k.types, t.ID)
		if len(k.types) < maxTypes && k.nameBytes+len(t.Name) <= maxNamed {
			k.types[t.ID] = t.Name
			k.nameBytes += len(t.Name)
		}
	}
}

// Name is the path of a child, even one that has ended for good a while ago, or "" if
// it is forgotten.
func (k *Keeper) Name(id uint32) string {
	if c := k.children[id]; c != nil {
		return c.name
	}
	return ""
}

// TypeName is the name of a type, or its identity in hexadecimal if no process has told
// the name.
func (k *Keeper) TypeName(id uint64) string {
	if n, ok := k.types[id]; ok {
		return n
	}
	return fmt.Sprintf("%#016x", id)
}
