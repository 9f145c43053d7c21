package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// Config is the configuration of a node, which takes over Link and Notifier.
type Config struct {
	Link     transport.Link
	Notifier transport.Notifier
	Log      *slog.Logger // nil: slog.Default
	// Lost is called once when the link to the supervisor ends without
	// Close: the program is over for this process.
	Lost func()
	// Waits says why the caller must not wait, or returns nil: in the process of an actor
	// for that actor's answers, since it runs in the actor's own goroutine; in the root for
	// the supervisor. nil: anybody may.
	Waits func() error
	// Parks makes Serve return a ParkedError where it would sleep, if the Notifier
	// allows that.
	Parks bool
}

// Node is one process's part in a program. A process may have very many idle ones, of
// actors in place: so what a node without lanes does not need is nil.
type Node struct {
	cfg   Config
	begin wire.Begin

	// The waiter's role; see await.go.
	role  chan struct{} // holds one token while nobody waits
	watch watch         // owned by the role's holder

	// The actor's side; see pump.go.
	table    *mailbox.Handlers // nil before Serve
	onDown   func(wire.Exit)
	onExit   func(wire.Exit) // traps the ends of linked actors; written under mu
	wake     chan struct{}   // tells the actor's loop to look
	draining atomic.Bool     // the loop ends when nothing is left
	system   atomic.Bool     // there is something in stop or downs for the loop

	mu       sync.Mutex
	byID     map[uint32]*sender // lanes to this actor, by the sender's number
	stop     string             // reason of a stop that was asked for
	stopped  bool               // stop is set
	over     bool               // the link has ended
	hand     handover           // see handover.go
	downs    []down             // notices that wait for the last message
	due      []down             // notices that the actor's loop hands out next; the oldest first
	remains  *remains           // ended but still mapped; nil if there is nothing
	pending  map[uint64]chan wire.Frame
	pieces   map[uint64][]byte // of incomplete answers; owned by the goroutine of the link
	monitors map[uint64]*monitor
	leaving  map[uint32]struct{} // actors that take nothing more, and had no lane from here
	token    uint64
	past     *mailbox.Traffic // of targets that have ended; nil while none has
	early    []lateFrame      // segments that came before their lane
	arrived  chan struct{}    // closed when a segment comes; nil while nobody waits for one
	arrivals atomic.Uint64    // counts what came separately from its lane or page; see absent.go
	awaited  atomic.Int32     // lanes that are not read until something has come; the loop writes it
	absence  time.Duration    // how long a lane may wait for that
	closed   error
	ended    chan struct{}            // closed with the link; nil while nobody waits for that
	heads    atomic.Pointer[[]*inbox] // the lanes to read, one per sender
	targets  atomic.Pointer[table]    // by number; copied on write
	changes  atomic.Uint64            // counts changes of senders and targets
	cancels  atomic.Pointer[cancelWatch]
	sets     *sets // nil until there is one; guarded by mu
	counters
	closeOnce sync.Once
	helpers   sync.WaitGroup // goroutines that use lanes and end with the link
	fresh     freshener      // of senders that wait for room
}

// ErrEnded says that the node has ended, or has lost its supervisor.
var ErrEnded = errors.New("actor: the program has ended for this process: its actor has ended or was replaced, or its supervisor was shut down or is lost")

// frames holds buffers for frames. An actor in place holds none while nothing comes.
var frames = sync.Pool{New: func() any { return new([wire.MaxFrame]byte) }}

// New reads the first frame of the link and returns a node that can send and ask, but
// does not serve yet.
func New(cfg Config) (*Node, error) {
	room := frames.Get().(*[wire.MaxFrame]byte)
	defer frames.Put(room)
	buf := room[:]
	n, files, err := cfg.Link.Receive(buf)
	if err != nil {
		return nil, fmt.Errorf("node: waiting for the first frame, which tells this process what it is: %w", err)
	}
	closeFiles(files)
	f, err := wire.Parse(buf[:n])
	if err != nil {
		return nil, err
	}
	begin, ok := f.(*wire.Begin)
	if !ok {
		return nil, fmt.Errorf("node: first frame is of kind %d, not Begin", f.Kind())
	}
	if begin.Version != wire.Version {
		return nil, fmt.Errorf("node: the supervisor speaks version %d of the control link, but this program version %d: build both from the same version of the module", begin.Version, wire.Version)
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	nd := &Node{
		cfg: cfg, begin: *begin,
		role: make(chan struct{}, 1),
		wake: make(chan struct{}, 1),
	}
	nd.absence = segmentWait
	nd.watch.lanes, nd.watch.spin.clock, nd.watch.spin.proof = &noLanes, realClock, minProof
	nd.role <- struct{}{}
	nd.targets.Store(&noTargets)
	nd.heads.Store(&noHeads)
	if err := cfg.Link.Listen(nd.read); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return nd, nil
}

// Self is this incarnation's address.
func (n *Node) Self() wire.Addr { return n.begin.Self }

// Mailbox is the configuration of this actor's mailbox.
func (n *Node) Mailbox() wire.Mailbox { return n.begin.Mailbox }

// Name is the name of this child.
func (n *Node) Name() string { return n.begin.Name }

// Definition is the name of the actor that this process has to run.
func (n *Node) Definition() string { return n.begin.Definition }

// Ended is closed when the link has ended.
func (n *Node) Ended() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended == nil {
		n.ended = make(chan struct{})
		if n.over {
			close(n.ended)
		}
	}
	return n.ended
}

// end closes what Ended returns.
func (n *Node) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over = true; n.ended != nil {
		close(n.ended)
	}
}

// send sends a frame to the supervisor. Files stay the caller's.
func (n *Node) send(f wire.Frame, files ...transport.File) error {
	room := frames.Get().(*[wire.MaxFrame]byte)
	defer frames.Put(room)
	if err := n.cfg.Link.Send(wire.Append(room[:0], f), files); err != nil {
		err = fmt.Errorf("node: link to the supervisor: %w", err)
		if errors.Is(err, transport.ErrClosed) {
			err = fmt.Errorf("%w: %w", ErrEnded, err)
		}
		return err
	}
	return nil
}

// report tells the supervisor something that no longer matters once the link has ended.
// Other failures are logged.
func (n *Node) report(f wire.Frame, problem string) {
	if err := n.send(f); err != nil && !errors.Is(err, transport.ErrClosed) {
		n.cfg.Log.Warn(problem, "err", err)
	}
}

// call sends the frame that question returns for a token and waits for the frame
// that answers it.
func (n *Node) call(ctx context.Context, file transport.File, question func(token uint64) wire.Frame) (wire.Frame, error) {
	return n.callBy(ctx, n.send, file, question)
}

// callBy is call with another function in place of n.send.
func (n *Node) callBy(ctx context.Context, send func(wire.Frame, ...transport.File) error, file transport.File, question func(token uint64) wire.Frame) (wire.Frame, error) {
	token, answer, err := n.expect()
	if err != nil {
		return nil, err
	}
	defer n.expectNot(token)
	var files []transport.File
	if file != nil {
		files = append(files, file)
	}
	if err := send(question(token), files...); err != nil {
		return nil, err
	}
	return n.awaitAnswer(ctx, answer)
}

// expect makes a token, and a channel for the frame that will answer it.
func (n *Node) expect() (token uint64, answer chan wire.Frame, err error) {
	if n.Self().ID == 0 && n.cfg.Waits != nil {
		if err := n.cfg.Waits(); err != nil {
			return 0, nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed != nil {
		return 0, nil, n.closed
	}
	n.token++
	if n.pending == nil {
		n.pending = map[uint64]chan wire.Frame{}
	}
	answer = make(chan wire.Frame, 1)
	n.pending[n.token] = answer
	return n.token, answer, nil
}

// expectNot undoes expect.
func (n *Node) expectNot(token uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pending, token)
}

// awaitAnswer waits until the answer is there, or the link or ctx has ended.
func (n *Node) awaitAnswer(ctx context.Context, answer <-chan wire.Frame) (wire.Frame, error) {
	select {
	case f := <-answer:
		return f, nil
	case <-n.Ended():
		return nil, n.closed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (n *Node) answer(token uint64, f wire.Frame) {
	n.mu.Lock()
	ch := n.pending[token]
	n.mu.Unlock()
	if ch != nil {
		select {
		case ch <- f:
		default: // a second answer to one question
		}
	}
}

// Ready tells the supervisor that Setup has returned.
func (n *Node) Ready() error { return n.send(&wire.Ready{}) }

// Types tells the supervisor the names of the types that this process handles.
func (n *Node) Types(types []wire.TypeName) error { return n.send(&wire.Types{Types: types}) }

// Failed tells the supervisor why the start fails, or why this process ends itself.
func (n *Node) Failed(err error) { _ = n.send(&wire.Failed{Text: err.Error()}) }

// Exiting declares why this process ends.
func (n *Node) Exiting(reason string) { _ = n.send(&wire.Exiting{Reason: reason}) }

// Letter reports a message that could not be delivered or handled.
func (n *Node) Letter(f *wire.Letter) {
	if err := n.send(f); err != nil {
		n.cfg.Log.Warn("dead letter could not be reported", "err", err)
	}
	fault.Hit("node.letter")
}

// Close ends the link and frees all memory. Handlers must have returned.
func (n *Node) Close() {
	n.closeOnce.Do(func() {
		n.fail(ErrEnded)
		n.cfg.Link.Close()
		<-n.Ended()
		n.helpers.Wait()
		<-n.role // the last waiter has gone
		n.cfg.Notifier.Close()
		n.unmap()
		n.unmapSets()
	})
}

// endedError is an ErrEnded for a reason of this process's own.
type endedError struct{ err error }

func (e *endedError) Error() string {
	return "actor: the program has ended for this process: " + e.err.Error()
}
func (e *endedError) Unwrap() []error { return []error{ErrEnded, e.err} }

// fail makes every wait end with err, wrapped in ErrEnded. Only the first call counts.
func (n *Node) fail(err error) {
	if !errors.Is(err, ErrEnded) {
		err = &endedError{err}
	}
	n.mu.Lock()
	first := n.closed == nil
	if first {
		n.closed = err
	}
	n.mu.Unlock()
	if !first {
		return
	}
	for _, t := range *n.targets.Load() {
		if t != nil {
			t.end(&GoneError{Name: t.Name, Lost: err})
		}
	}
	n.kick()
}

// kick makes the waiter and the actor's loop look at everything again.
func (n *Node) kick() {
	n.system.Store(true)
	n.changes.Add(1)
	n.cfg.Notifier.Interrupt()
	n.wakeLoop()
}

func (n *Node) wakeLoop() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// unmap frees all lanes, at the end.
func (n *Node) unmap() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.byID {
		for _, b := range s.boxes {
			b.Close()
		}
	}
	r := n.dead()
	for _, b := range r.boxes {
		b.Close()
	}
	for _, t := range append(r.targets, *n.targets.Load()...) {
		if t == nil || t.box == nil {
			continue
		}
		if p := t.box.End(); p != nil {
			p.Free()
			r.pages = append(r.pages, p)
		}
	}
	for _, p := range r.pages {
		if p.Unused() { // otherwise an answer in it is being decoded
			p.Unmap()
		}
	}
	for _, l := range n.early {
		if l.file != nil {
			l.file.Close()
		}
	}
	if n.hand.file != nil {
		n.hand.file.Close()
	}
	n.byID, n.remains, n.early = nil, nil, nil
}

func closeFiles(files []transport.File) {
	for _, f := range files {
		_ = sock.Close(f)
	}
}

// receive reads the next frame; perr says that it is malformed.
func (n *Node) receive() (f wire.Frame, perr error, files []transport.File, err error) {
	room := frames.Get().(*[wire.MaxFrame]byte)
	defer frames.Put(room)
	k, files, err := n.cfg.Link.Receive(room[:])
	if err != nil {
		return nil, nil, files, err
	}
	f, perr = wire.Parse(room[:k])
	return f, perr, files, nil
}

// read handles the supervisor's next frame. It returns false at the end of the
// link.
func (n *Node) read() (more bool) {
	f, perr, files, err := n.receive()
	if err != nil {
		defer n.end()
		if !errors.Is(err, io.EOF) && !errors.Is(err, transport.ErrClosed) {
			n.cfg.Log.Error("link to the supervisor broke", "err", err)
		}
		n.mu.Lock()
		lost := n.closed == nil
		n.mu.Unlock()
		if lost && n.cfg.Lost != nil {
			n.cfg.Lost() // first, so that what it ends does not see the loss
		}
		n.fail(fmt.Errorf("node: link to the supervisor has ended: %w", err))
		return false
	}
	if perr == nil && len(files) != wire.Files(f) {
		perr = fmt.Errorf("node: frame of kind %d came with %d descriptors instead of %d", f.Kind(), len(files), wire.Files(f))
	}
	if perr != nil {
		closeFiles(files)
		n.cfg.Log.Error("frame from the supervisor refused", "err", perr)
		return true
	}
	n.control(f, files)
	return true
}
