package keeper

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// Post queues a frame for a process. It does not block, and owns its handles.
type Post func(f wire.Frame, files ...*Handle)

// Letter is a message that could not be delivered.
type Letter struct {
	wire.Letter
	Payload []byte // header and up to MaxLetter bytes of what was in hand
}

// MaxLetter is how many bytes of a quarantined message are kept.
const MaxLetter = 64 << 10

// Keeper holds the mailboxes of a program.
type Keeper struct {
	Log    *slog.Logger
	Letter func(Letter) // called for each dead letter
	// Crowded is called when a sender finds a mailbox full because of what its
	// earlier incarnations have sent.
	Crowded func(to uint32, from wire.Addr)
	// Linked is called when an actor that peer was linked with has ended: peer
	// has to end too.
	Linked func(peer wire.Addr, exit *wire.Exit)
	Number func() uint32 // makes the number of a group

	children map[uint32]*child
	pools    map[uint32]*pool
	groups   map[string]*pool
	lanes    map[laneKey]*held
	monitors []watcher
	links    map[link]struct{}
	types    map[uint64]string // names, as processes have told them

	parked    []parked
	forgotten []uint32 // children of whose ends all is known, the oldest first
}

// child is one mailbox's owner.
type child struct {
	id      uint32
	name    string
	mailbox wire.Mailbox
	alive   uint32 // incarnation that runs, or 0
	post    Post   // of the incarnation that runs
	last    *wire.Exit
	gone    bool
	drain   *drain                 // it is about to end; or nil
	known   map[wire.Addr]struct{} // who was told where it is, and may open a lane to it
	traps   bool                   // the incarnation that runs is told of the ends of its links
	next    successor
}

type laneKey struct {
	from wire.Addr
	to   uint32
}

// held is what is kept of one lane.
type held struct {
	laneKey
	name     string // of the sender
	open     wire.Open
	files    []*Handle // as they came with open
	segments []kept    // the sender's blocks
	replies  []kept    // blocks of the receiver's replies that nobody else keeps
	exit     *Handle   // of the passage of its files, or nil

	page     *Handle // the last receive page that was published
	pageOf   uint32  // by this incarnation of the receiver
	start    uint64  // first sequence that the next incarnation handles
	attempt  uint8   // deaths with the message at start in hand
	carry    []byte  // an entry that left the queue and was not dealt with
	charge   tree.Charge
	chargeAt uint64     // sequence that charge is about
	retired  bool       // the sender is dead
	ending   *wire.Exit // of the receiver, which is gone for good; nil while it is not
}

type kept struct {
	f    wire.Segment
	file *Handle
}

type watcher struct {
	by      wire.Addr
	token   uint64
	id      uint32
	process bool // a replacement is an end for it
}

// New returns an empty keeper.
func New(log *slog.Logger, letter func(Letter)) *Keeper {
	return &Keeper{Log: log, Letter: letter, children: map[uint32]*child{}, pools: map[uint32]*pool{}, groups: map[string]*pool{}, lanes: map[laneKey]*held{}, links: map[link]struct{}{},
		types: map[uint64]string{}}
}

// Add makes a mailbox for a child.
func (k *Keeper) Add(id uint32, name string, mb wire.Mailbox) {
	k.children[id] = &child{id: id, name: name, mailbox: mb, known: map[wire.Addr]struct{}{}}
}

// maxFacts is how many ended children that will not come back are known with all
// facts of their ends. Of earlier ones what they wrote is forgotten.
const maxFacts = 256

// Forgotten says that a child that is gone will never come back.
func (k *Keeper) Forgotten(id uint32) {
	k.forgotten = append(k.forgotten, id)
	if len(k.forgotten) <= maxFacts {
		return
	}
	c := k.children[k.forgotten[0]]
	k.forgotten = k.forgotten[1:]
	if c != nil && c.last != nil {
		last := *c.last
		last.Stderr, last.Stack = "", ""
		c.last = &last
	}
}

// Back makes the mailbox of a child that was gone take messages again: empty,
// and for the same number. All processes learn that.
func (k *Keeper) Back(id uint32) {
	c := k.children[id]
	if c == nil || !c.gone {
		return
	}
	c.gone = false
	for _, to := range k.children {
		if to.alive != 0 {
			to.post(&wire.Back{ID: id})
		}
		if to.next.incarnation != 0 {
			to.next.post(&wire.Back{ID: id})
		}
	}
}

// Begin connects a new incarnation of a child: it is told who it is, and gets
// the lanes of its mailbox.
func (k *Keeper) Begin(self wire.Addr, definition string, post Post) {
	c := k.children[self.ID]
	c.alive, c.post, c.traps = self.Incarnation, post, false
	post(&wire.Begin{Version: wire.Version, Self: self, Name: c.name, Definition: definition, Mailbox: c.mailbox})
	for _, l := range k.to(self.ID) {
		k.deliver(l, c)
	}
}

// to is the lanes to a child, those of a sender's earlier incarnations first.
func (k *Keeper) to(id uint32) []*held {
	return k.sorted(func(l *held) bool { return l.to == id && l.ending == nil })
}

func (k *Keeper) sorted(match func(*held) bool) (out []*held) {
	for _, l := range k.lanes {
		if match(l) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b *held) int {
		return cmp.Or(cmp.Compare(a.from.ID, b.from.ID), cmp.Compare(a.from.Incarnation, b.from.Incarnation), cmp.Compare(a.to, b.to))
	})
	return out
}

// deliver gives a lane to the running incarnation of its receiver.
func (k *Keeper) deliver(l *held, c *child) {
	files := make([]*Handle, len(l.files))
	for i, h := range l.files {
		files[i] = h.Retain()
	}
	o := l.open
	c.post(&wire.Lane{From: l.from, Name: l.name, Queue: o.Queue, Cells: o.Cells, Size: o.Size, Bell: o.Bell,
		Start: l.start, Attempt: l.attempt, Carry: l.carry}, files...)
	for _, s := range l.segments {
		f := s.f
		c.post(&f, s.file.Retain())
	}
	if l.exit != nil {
		c.post(&wire.Passage{Peer: l.from}, l.exit.Retain())
	}
	if l.retired {
		c.post(&wire.Retire{From: l.from})
	}
}

// Frame handles a frame of a running process. It owns files.
func (k *Keeper) Frame(from wire.Addr, f wire.Frame, files []transport.File) {
	hs := make([]*Handle, len(files))
	for i, file := range files {
		hs[i] = NewHandle(file)
	}
	if len(hs) != wire.Files(f) {
		k.Log.Error("frame refused: wrong number of descriptors", "from", from, "kind", f.Kind(), "got", len(hs), "want", wire.Files(f))
		releaseAll(hs)
		return
	}
	switch f := f.(type) {
	case *wire.Resolve:
		k.resolve(from, f)
	case *wire.Open:
		k.ends(f, hs)
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
		f.From.ID = min(f.From.ID, 1<<31)
		k.Letter(Letter{Letter: *f})
	default:
		k.Log.Error("frame has no meaning here", "from", from, "kind", f.Kind())
		releaseAll(hs)
	}
}

// post queues a frame for an incarnation, if it is the one that runs.
func (k *Keeper) post(to wire.Addr, f wire.Frame, files ...*Handle) {
	if c := k.children[to.ID]; c != nil {
		if post, _ := c.process(to); post != nil {
			post(f, files...)
			return
		}
	}
	releaseAll(files)
}

func (k *Keeper) resolve(from wire.Addr, f *wire.Resolve) {
	t := &wire.Target{Token: f.Token, State: wire.TargetUnknown, ID: f.ID}
	c := k.children[f.ID]
	p := k.pools[f.ID]
	if f.ID == 0 {
		if c = k.named(f.Name); c == nil || c.gone {
			p = k.poolNamed(f.Name)
		}
	}
	if p != nil {
		k.introduce(from, f.Token, p)
		return
	}
	if c != nil && c.id != 0 {
		if k.crowded(from, f, c) {
			return
		}
		t.State, t.ID, t.Name, t.Mailbox = wire.TargetAlive, c.id, c.name, c.mailbox
		if c.gone {
			t.State = wire.TargetGone
			t.Exit = *c.lastExit()
		} else if c.drain != nil {
			t.State, t.Exit = wire.TargetGone, *leavingExit(c.id)
		} else {
			c.known[from] = struct{}{}
		}
	}
	k.post(from, t)
}

// named finds the child of that name; one that has not ended comes first.
func (k *Keeper) named(name string) (found *child) {
	for _, c := range k.children {
		if c.name == name && (found == nil || found.gone || c.id > found.id && !c.gone) {
			found = c
		}
	}
	return found
}

func (c *child) lastExit() *wire.Exit {
	if c.last != nil {
		return c.last
	}
	return &wire.Exit{Addr: wire.Addr{ID: c.id}, Kind: wire.ExitNoTarget, Code: -1, Reason: wire.ReasonNoProc, Summary: "it was never started"}
}

// ends makes the last owner of a lane's queue remove that, if it would outlive
// its descriptors.
func (k *Keeper) ends(f *wire.Open, hs []*Handle) {
	form, err := lane.FormOf(f.Queue)
	if err != nil || f.Queue == wire.QueueRing {
		return
	}
	hs[1].last = func(file transport.File) {
		if err := form.Remove(file); err != nil {
			k.Log.Warn("a queue could not be removed; it is swept later", "form", form.Name, "err", err)
		}
	}
}

func (k *Keeper) open(from wire.Addr, f *wire.Open, hs []*Handle) {
	c := k.children[f.To]
	key := laneKey{from, f.To}
	if c == nil || k.lanes[key] != nil {
		k.Log.Error("lane refused: no such target, or opened twice", "from", from, "to", f.To)
		releaseAll(hs)
		return
	}
	l := &held{laneKey: key, name: k.children[from.ID].name, open: *f, files: hs}
	k.lanes[key] = l
	delete(c.known, from)
	if c.gone {
		k.end(l, c.lastExit()) // it may have messages already
		return
	}
	if c := k.reader(l); c != nil {
		k.deliver(l, c)
	}
}

// page keeps a receiver's page and passes it on to the sender.
func (k *Keeper) page(from wire.Addr, f *wire.Page, hs []*Handle) {
	l := k.lanes[laneKey{f.Peer, from.ID}]
	if l == nil {
		releaseAll(hs)
		return
	}
	l.page.Release()
	l.page, l.pageOf = hs[0].Retain(), from.Incarnation
	k.post(f.Peer, &wire.Page{Peer: from, Size: f.Size, Bell: f.Bell, Start: l.start}, hs...)
}

// segment keeps a sender's blocks for the receivers to come. The blocks of
// replies have one user only, and are passed on.
func (k *Keeper) segment(from wire.Addr, f *wire.Segment, hs []*Handle) {
	token := f.Token
	f.Token = 0
	owner := k.children[f.Peer.ID] // of the mailbox, whose form it is
	if f.Reply == 1 {
		owner = k.children[from.ID]
	}
	if owner != nil && len(hs) > 0 {
		if err := hs[0].keep(f, owner.mailbox); err != nil {
			k.Log.Error("segment cannot be kept: its messages are lost if its owner dies", "from", from, "err", err)
		}
	}
	if f.Reply == 1 {
		to := f.Peer
		f.Peer = from
		if l := k.lanes[laneKey{to, from.ID}]; l != nil {
			l.keepReply(f, hs)
		}
		k.post(to, f, hs...)
	} else if l := k.lanes[laneKey{from, f.Peer.ID}]; l != nil {
		c := k.reader(l)
		f.Peer = from
		if f.Blocks > 0 {
			l.segments = append(l.segments, kept{*f, hs[0].Retain()})
		} else {
			l.forget(f.ID)
		}
		if c != nil {
			c.post(f, hs...)
		} else {
			releaseAll(hs)
		}
	} else {
		releaseAll(hs)
	}
	k.post(from, &wire.Ack{Token: token})
}

// passage keeps the exit through which the files of a lane's messages come, so
// that they outlive both of its ends.
func (k *Keeper) passage(from wire.Addr, f *wire.Passage, hs []*Handle) {
	if l := k.lanes[laneKey{from, f.Peer.ID}]; l != nil && l.exit == nil {
		l.exit = hs[0].Retain()
		if c := k.reader(l); c != nil {
			c.post(&wire.Passage{Peer: from}, l.exit.Retain())
		}
	}
	releaseAll(hs)
	k.post(from, &wire.Ack{Token: f.Token})
}

// forget drops a segment that its owner has taken back.
func (l *held) forget(id uint16) {
	l.segments = slices.DeleteFunc(l.segments, func(s kept) bool {
		if s.f.ID == id {
			s.file.Release()
		}
		return s.f.ID == id
	})
}

// keepReply keeps a segment of replies until the asker cannot want it any more,
// if its descriptor alone does not.
func (l *held) keepReply(f *wire.Segment, hs []*Handle) {
	if f.Blocks == 0 {
		l.forgetReplies(func(s kept) bool { return s.f.Peer == f.Peer && s.f.ID == f.ID })
	} else if hs[0].hold != nil {
		l.replies = append(l.replies, kept{*f, hs[0].Retain()})
	}
}

func (l *held) forgetReplies(match func(kept) bool) {
	l.replies = slices.DeleteFunc(l.replies, func(s kept) bool {
		if match(s) {
			s.file.Release()
			return true
		}
		return false
	})
}

func (k *Keeper) monitor(by wire.Addr, f *wire.Monitor) {
	if f.How == wire.MonitorCancel {
		k.monitors = slices.DeleteFunc(k.monitors, func(w watcher) bool { return w.by == by && w.token == f.Token })
		return
	}
	k.post(by, &wire.Ack{Token: f.Token})
	if p := k.pools[f.ID]; p != nil && !p.group() {
		k.monitors = append(k.monitors, watcher{by: by, token: f.Token, id: f.ID})
		if len(p.members) == 0 {
			k.notify(p.id, p.last())
		}
		return
	}
	c := k.children[f.ID]
	if c == nil {
		k.post(by, &wire.Down{Token: f.Token, Exit: wire.Exit{Addr: wire.Addr{ID: f.ID}, Kind: wire.ExitNoTarget, Code: -1, Reason: wire.ReasonNoProc, Summary: "no such actor"}})
		return
	}
	if c.alive == 0 {
		k.post(by, &wire.Down{Token: f.Token, Exit: *c.lastExit()})
		return
	}
	k.monitors = append(k.monitors, watcher{by: by, token: f.Token, id: f.ID, process: f.How == wire.MonitorProcess})
}

func (k *Keeper) drop(l *held) {
	releaseAll(l.files)
	l.page.Release()
	l.exit.Release()
	for _, s := range l.segments {
		s.file.Release()
	}
	l.forgetReplies(func(kept) bool { return true })
	delete(k.lanes, l.laneKey)
	k.unpark(l.laneKey)
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

// maxTypes bounds the names that are kept: a process may tell anything.
const maxTypes = 1 << 16

func (k *Keeper) learn(f *wire.Types) {
	for _, t := range f.Types {
		if len(k.types) < maxTypes {
			k.types[t.ID] = t.Name
		}
	}
}

// TypeName is the name of a type, or its identity in hexadecimal when no
// process has told it.
func (k *Keeper) TypeName(id uint64) string {
	if n, ok := k.types[id]; ok {
		return n
	}
	return fmt.Sprintf("%#016x", id)
}

// Lanes is the number of lanes that are kept.
func (k *Keeper) Lanes() int { return len(k.lanes) }
