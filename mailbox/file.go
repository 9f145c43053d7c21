package mailbox

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// File is an open file that travels with a message, as a field of this type: a file,
// pipe, socket or anything else with a descriptor. It arrives as an open file of the
// receiving process.
//
//	sender: File{f} ── sent ──► f stays the sender's, to be closed by it
//	receiver: the handler owns the arrived file, and closes it
//	not delivered to a handler: closed
//
// Both are the same open file, as after dup: they share position and blocking mode.
// The zero File may be sent and arrives as the zero File. One message can have up to
// codec.MaxLent files and buffers together. A sender can have about 30 unread messages
// with files in one mailbox; one more is ErrFull. Files can be in tells and asks, but not
// in answers.
//
// Files of unread messages outlive the crash of the sender and of the receiver. A
// message with a file that was in hand at a crash is never handled again, whatever
// Config.Redeliver says: its files are closed, and it becomes a dead letter. If the
// receiver is out of descriptors, a tell becomes a dead letter, and an ask gets an error
// that names RLIMIT_NOFILE.
type File struct{ *os.File }

// UnderstudyLend is called by the codec when it meets the file in a message.
func (f *File) UnderstudyLend(out *codec.Lent) (uint32, error) {
	if f.File == nil {
		return noBuffer, nil
	}
	for i := range out.N {
		if out.Item[i] == f.File {
			return uint32(i), nil // the same file twice in one message
		}
	}
	return out.Add(f.File)
}

// UnderstudyAccept is called by the codec when it meets the file in an
// arriving message.
func (f *File) UnderstudyAccept(in *codec.Lent, index uint32) error {
	f.File = nil
	if index == noBuffer {
		return nil
	}
	v, err := in.Get(index)
	if err != nil {
		return err
	}
	r, ok := v.(*received)
	if !ok {
		return fmt.Errorf("mailbox: lent item %d is %T, not a file", index, v)
	}
	if r.err != nil {
		return r.err
	}
	r.taken, f.File = true, r.f
	return nil
}

// received is one file of the message in hand.
type received struct {
	f     *os.File
	err   error // why it did not arrive
	taken bool  // a field of the decoded message has it
}

func (r *received) handlerReturned() {
	if r.f != nil && !r.taken {
		_ = sock.Close(r.f)
	}
}

// untaken makes the files of a message that was decoded only in part nobody's again.
func untaken(in *codec.Lent) {
	for i := range in.N {
		if r, ok := in.Item[i].(*received); ok {
			r.taken = false
		}
	}
}

// errNoFiles is the error of a file until it has been received; in an answer it remains.
var errNoFiles = errors.New("mailbox: a file cannot be part of an answer")

// filesOut is the entrance of the passage through which files leave.
type filesOut struct {
	announce func(exit transport.File) error

	making  sync.Mutex // held while the passage is made; taken before mu
	mu      sync.Mutex // guards passage while it is made, and closed
	passage *sock.Passage
	closed  bool
	ticket  uint64 // of the last packet; guarded by the outbox's lock
}

// open makes the passage if there is none, and returns when the supervisor holds its
// exit.
func (w *filesOut) open() error {
	w.making.Lock()
	defer w.making.Unlock()
	if open, err := w.opened(); open || err != nil {
		return err
	}
	p, exit, err := sock.NewPassage()
	if err != nil {
		return err
	}
	defer exit.Close()
	// Without mu: before its answer, the supervisor may report that the target has
	// ended, and then the close must not wait for this.
	if err := w.announce(exit); err != nil {
		p.Close()
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		p.Close()
		return transport.ErrClosed
	}
	w.passage = p
	return nil
}

func (w *filesOut) opened() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false, transport.ErrClosed
	}
	return w.passage != nil, nil
}

// put sends the files of a parcel, if it has any, and writes their ticket into its
// header. The parcel's entry is reserved; put first makes sure that there is room for it,
// since files in the passage cannot be taken back. If this process dies before the entry
// is published, the files are closed with the lane. The outbox's lock is held.
func (w *filesOut) put(p *parcel, l *lane.Out) error {
	var files [codec.MaxLent]*os.File
	n := 0
	for i := range p.lent.N {
		if f, ok := p.lent.Item[i].(*os.File); ok {
			p.head.Lent[i] = wire.BlockRef{Segment: wire.FileSegment, Index: uint16(n), Length: w.ticket + 1}
			files[n] = f
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if p.urgent {
		return ErrUrgentFile
	}
	if err := l.Room(); err != nil {
		return err
	}
	if err := w.passage.Put(w.ticket+1, files[:n]); err != nil {
		if errors.Is(err, transport.ErrClosed) {
			// Nobody has the exit: the target has ended for good, and the notice
			// of that is on its way. Until it arrives, the mailbox counts as full.
			return ErrFull
		}
		return whichFile(files[:n], err)
	}
	w.ticket++
	fault.Hit("mailbox.files-put")
	return nil
}

// whichFile returns the error of the file that is closed already, if that is why a send
// failed with err.
func whichFile(files []*os.File, err error) error {
	for _, f := range files {
		if _, e := f.Stat(); errors.Is(e, os.ErrClosed) {
			return fmt.Errorf("mailbox: a file of a message: %w", e)
		}
	}
	return err
}

func (w *filesOut) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.passage != nil {
		w.passage.Close()
	}
}

// filesIn is the exit of the passage through which files arrive.
type filesIn struct {
	passage atomic.Pointer[sock.Passage]
}

// AddPassage makes exit the one through which the files of this sender's messages
// arrive. It takes ownership of exit.
func (b *Inbox) AddPassage(exit *os.File) error {
	p, err := sock.OpenPassage(exit)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.files.passage.Load() != nil {
		return p.Close()
	}
	b.files.passage.Store(p)
	return nil
}

// ready fails with ErrNotAnnounced if a message has files and the passage is still on
// its way.
func (w *filesIn) ready(h *wire.Entry) error {
	if _, n := h.Files(); n > 0 && w.passage.Load() == nil {
		return ErrNotAnnounced
	}
	return nil
}

// take receives the files of the message in hand. If that fails, the decoding of the
// message fails, too, and its handler does not see it.
func (w *filesIn) take(m *Message) {
	ticket, n := m.Head.Files()
	if n == 0 {
		return
	}
	files, err := w.passage.Load().Take(ticket, n)
	if err != nil {
		err = fmt.Errorf("mailbox: the files of a message: %w", err)
	}
	for i := range m.lent.N {
		r, ok := m.lent.Item[i].(*received)
		if !ok {
			continue
		}
		r.err = err
		at := int(m.Head.Lent[i].Index)
		switch {
		case err != nil:
		case m.Head.Lent[i].Length != ticket || at >= n || files[at] == nil:
			r.err = &transport.CorruptError{What: "file of a message", Value: uint64(at), Limit: uint64(n)}
		default:
			r.f, files[at] = files[at], nil
		}
	}
	for _, f := range files {
		if f != nil {
			_ = sock.Close(f) // no field of the message refers to it
		}
	}
}

func (w *filesIn) close() {
	if p := w.passage.Load(); p != nil {
		p.Close()
	}
}
