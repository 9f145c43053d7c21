package keeper

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestDeathsLikeModel: receivers of real lanes die at random steps of their work. Each
// message is handled, in order, until one of them has dealt with it, or is a dead letter;
// it is charged with the deaths while it was in hand, and is told of those, whatever else
// has died in between.
func TestDeathsLikeModel(t *testing.T) {
	for _, s := range lane.Probe() {
		if s.Err != nil {
			t.Logf("%s is refused by this machine: %v", s.Form.Name, s.Err)
			continue
		}
		for _, urgent := range []bool{false, true} {
			if urgent && s.Form.CreatePriority == nil {
				continue
			}
			t.Run(fmt.Sprintf("%s/urgent %v", s.Form.Name, urgent), func(t *testing.T) {
				for seed := range uint64(testutil.Rounds(40, 1000)) {
					deathsLikeModel(t, &s.Form, urgent, seed)
					if t.Failed() {
						t.Fatal("seed ", seed)
					}
				}
			})
		}
	}
}

// posted is a message of the model.
type posted struct {
	n           uint64 // its number, which stands as its type
	ask         uint64 // or 0
	urgent      bool
	attempts    int // deaths with it in hand
	own, others int // of these, by whose doing they are charged
}

// work is a lane with a keeper, and what the model says of it.
type work struct {
	t         *testing.T
	rnd       *rand.Rand
	form      *lane.Form
	k         *Keeper
	notifier  transport.Notifier
	out       *lane.Out
	redeliver int

	sent    uint64
	first   *posted      // comes before all others: it has left the queue, or is handled again
	waiting [2][]*posted // in the queue, and of these the urgent ones
	letters []string     // that the model expects
	failed  []uint64     // asks, too

	gotLetters []string
	gotFailed  []uint64

	incarnation uint32
	lane        *wire.Lane // as it was told last
	files       []*Handle

	in      *lane.In // nil: the page was not published
	taken   *posted  // taken, not begun
	entry   transport.Entry
	doubt   *posted // begun, and not known to be dealt with
	replied bool    // doubt is answered, or its letter was sent
	ended   bool    // the message of entry is dealt with, and not counted
}

func deathsLikeModel(t *testing.T, form *lane.Form, urgent bool, seed uint64) {
	w := &work{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), form: form}
	w.redeliver = w.rnd.IntN(4)
	w.k = New(slog.New(slog.DiscardHandler), func(l Letter) {
		w.gotLetters = append(w.gotLetters, fmt.Sprint(l.Type, " ", l.Reason))
	})
	var err error
	if w.notifier, err = notify.Best(); w.notifier == nil {
		t.Skip(err)
	}
	defer w.notifier.Close()
	out, open, files, err := lane.Create(lane.Config{Queue: form.Queue, Cells: 1024, Priority: urgent}, 2, w.notifier)
	if err != nil {
		t.Fatal(err)
	}
	w.out = out
	defer out.Close()
	w.k.Add(1, "sender", wire.Mailbox{})
	w.k.Begin(at(1, 1), "", w.toSender)
	w.k.Add(2, "receiver", wire.Mailbox{Queue: form.Queue, RingBytes: open.Cells, Redeliver: uint8(w.redeliver)})
	w.k.Frame(at(1, 1), open, copies(t, files))
	out.Sent()
	for range 3 + w.rnd.IntN(20) {
		w.live(urgent)
	}
	if w.first != nil {
		w.ends(w.first)
	}
	for _, p := range slices.Concat(w.waiting[1], w.waiting[0]) {
		w.ends(p)
	}
	w.k.Died(&wire.Exit{Addr: at(1, 1)}, tree.Own)
	w.k.Gone(2)
	w.equal("dead letters", w.gotLetters, w.letters)
	w.equal("asks that failed", w.gotFailed, w.failed)
	if len(w.k.lanes) != 0 {
		t.Error("the lane is kept")
	}
}

// ends notes that p becomes a dead letter because its actor has ended for good.
func (w *work) ends(p *posted) {
	reason := wire.LetterUnread
	if p.attempts > 0 {
		reason = wire.LetterQuarantined
	}
	w.letters = append(w.letters, fmt.Sprint(p.n, " ", reason))
}

func (w *work) equal(what string, got, want any) {
	w.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// copies are files as a link would pass them on.
func copies(t *testing.T, files []transport.File) (out []transport.File) {
	t.Helper()
	for _, f := range files {
		c, err := dup(&Handle{File: f})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func filesOf(hs []*Handle) (files []transport.File) {
	for _, h := range hs {
		files = append(files, h.File)
	}
	return files
}

// toSender is what the sender does with its frames.
func (w *work) toSender(f wire.Frame, hs ...*Handle) {
	defer ReleaseAll(hs)
	switch f := f.(type) {
	case *wire.AskFailed:
		w.gotFailed = append(w.gotFailed, f.Ask)
	case *wire.Page:
		p, err := lane.OpenPeer(f, copies(w.t, filesOf(hs)))
		if err != nil {
			w.t.Fatal(err)
		}
		if old := w.out.Install(p, f.Start); old != nil {
			old.Close()
		}
	}
}

// toReceiver keeps the lane for the incarnation that begins.
func (w *work) toReceiver(f wire.Frame, hs ...*Handle) {
	if f, ok := f.(*wire.Lane); ok {
		w.lane, w.files = f, hs
		return
	}
	ReleaseAll(hs)
}

// live is the life of one incarnation.
func (w *work) live(urgent bool) {
	w.incarnation++
	self := at(2, w.incarnation)
	w.k.Begin(self, "", w.toReceiver)
	for w.rnd.IntN(6) > 0 && w.begins(self) {
		for range w.rnd.IntN([]int{5, 30}[w.rnd.IntN(2)]) {
			if w.rnd.IntN(3) == 0 {
				w.send(urgent)
			} else {
				w.step()
			}
		}
		if w.taken != nil || w.doubt != nil || w.ended || w.rnd.IntN(2) == 0 {
			break
		}
		// Between two messages it is replaced.
		next := at(2, w.incarnation+1)
		w.k.StandBy(next, "", w.toReceiver)
		ReleaseAll(w.files)
		w.k.TakeOver(&wire.Exit{Addr: self, Reason: wire.ReasonReplaced})
		w.leave()
		w.incarnation++
		self = next
	}
	w.dies(self)
}

// begins makes the page of an incarnation, and reports whether it was published.
func (w *work) begins(self wire.Addr) bool {
	attempts := 0
	if w.first != nil {
		attempts = w.first.attempts
	}
	if int(w.lane.Attempt) != attempts {
		w.t.Errorf("incarnation %d: %d attempts, want %d", self.Incarnation, w.lane.Attempt, attempts)
	}
	in, page, files, err := lane.Accept(w.lane, copies(w.t, filesOf(w.files)), w.notifier)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.in = in; w.rnd.IntN(8) == 0 {
		return false
	}
	page.Peer = at(1, 1)
	w.k.Frame(self, page, copies(w.t, files))
	in.Sent()
	return true
}

// send sends a message, if there is room.
func (w *work) send(urgent bool) {
	p := &posted{n: w.sent + 1, urgent: urgent && w.rnd.IntN(2) == 0}
	kind := uint8(wire.EntryTell)
	if w.rnd.IntN(2) == 0 {
		kind, p.ask = wire.EntryAsk, p.n*transport.ReplySlots+p.n%7
	}
	w.out.Urgent(p.urgent)
	b, err := w.out.Reserve(wire.PlainHeader(kind))
	if err == nil {
		wire.PutPlain(b, kind, p.n, p.ask, 0)
		err = w.out.Commit()
	}
	if err == transport.ErrFull {
		return
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.sent++
	class := 0
	if p.urgent {
		class = 1
	}
	w.waiting[class] = append(w.waiting[class], p)
}

// next removes the message from the model that has to come now, or returns nil.
func (w *work) next() (p *posted) {
	if p, w.first = w.first, nil; p != nil {
		return p
	}
	for _, q := range []*[]*posted{&w.waiting[1], &w.waiting[0]} {
		if len(*q) > 0 {
			p, *q = (*q)[0], (*q)[1:]
			return p
		}
	}
	return nil
}

// step is the next step of a receiver, in one of the orders that mailbox.Inbox has.
func (w *work) step() {
	ring := w.in.Ring() != nil
	switch p := w.doubt; {
	case w.taken != nil:
		w.in.Begin(w.entry.Seq)
		w.doubt, w.taken, w.replied = w.taken, nil, false
	case w.ended: // as for a message with blocks
		w.in.Done()
		w.ended = false
		w.in.Release()
	case p != nil && p.ask != 0 && !w.replied:
		w.in.Reply(int(p.ask%transport.ReplySlots), p.ask, 0)
		w.replied = true
	case p != nil && p.ask == 0 && !w.replied && w.rnd.IntN(3) == 0:
		w.k.Frame(at(2, w.incarnation), &wire.Letter{From: at(1, 1), To: 2, Type: p.n, Reason: wire.LetterHandlerError, Seq: w.entry.Seq}, nil)
		w.letters = append(w.letters, fmt.Sprint(p.n, " ", wire.LetterHandlerError))
		w.replied = true
	case p != nil && w.rnd.IntN(2) == 0:
		w.in.End(w.entry.End)
		w.doubt, w.ended = nil, true
	case p != nil:
		w.in.Done()
		if ring && w.rnd.IntN(2) == 0 {
			w.take() // the next Begin says that this one is dealt with
			return
		}
		w.in.End(w.entry.End)
		w.in.Release()
		w.doubt = nil
	default:
		w.take()
	}
}

// take takes the next message, if there is one.
func (w *work) take() {
	err := w.in.Take(&w.entry)
	want := w.next()
	if err == transport.ErrEmpty && want == nil {
		return
	}
	if err != nil || want == nil {
		w.t.Fatalf("took %+v, %v, want %+v", w.entry, err, want)
	}
	var h wire.Entry
	if _, err := h.Parse(w.entry.Bytes); err != nil || h.Type != want.n || h.Ask != want.ask || w.in.Attempt(w.entry.Seq) != want.attempts {
		w.t.Errorf("took number %d, attempt %d, %v, want %+v", h.Type, w.in.Attempt(w.entry.Seq), err, want)
	}
	w.taken = want
}

// leave ends this side of an incarnation.
func (w *work) leave() {
	if w.in != nil {
		w.in.Close()
	}
	w.in, w.taken, w.doubt, w.ended = nil, nil, nil, false
}

// dies ends an incarnation, and says in the model what becomes of its messages.
func (w *work) dies(self wire.Addr) {
	cause := []tree.Cause{tree.Asked, tree.Own, tree.Own, tree.Own, tree.Unexplained}[w.rnd.IntN(5)]
	if p := w.taken; p != nil {
		w.first = p // nothing was done with it
	}
	if p := w.doubt; p != nil {
		if w.taken != nil { // of a ring, in which it stays
			w.waiting[0] = slices.Insert(w.waiting[0], 0, w.taken)
		}
		w.first = nil
		switch {
		case w.replied && p.ask == 0:
		case w.replied:
			w.failed = append(w.failed, p.ask)
		case w.quarantines(p, cause):
			w.letters = append(w.letters, fmt.Sprint(p.n, " ", wire.LetterQuarantined))
			if p.ask != 0 {
				w.failed = append(w.failed, p.ask)
			}
		default:
			p.attempts++
			w.first = p
		}
	}
	ReleaseAll(w.files)
	w.leave()
	w.k.Died(&wire.Exit{Addr: self, Summary: "dead"}, cause)
}

func (w *work) quarantines(p *posted, cause tree.Cause) bool {
	switch cause {
	case tree.Asked:
		return false
	case tree.Own:
		p.own++
	default:
		p.others++
	}
	return p.own >= w.redeliver || p.others >= tree.UnexplainedLimit
}
