package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// heard is a link that keeps what is sent on it.
type heard struct {
	transport.Link
	frames []wire.Frame
}

func (l *heard) TrySend(b []byte, files []transport.File) error { return l.Send(b, files) }
func (l *heard) Send(b []byte, _ []transport.File) error {
	f, err := wire.Parse(b)
	l.frames = append(l.frames, f)
	return err
}

// heardBy is a process with such a link.
func heardBy(s *Supervisor, addr wire.Addr) (*running, *heard) {
	l := &heard{}
	r := &running{s: s, addr: addr, link: l}
	r.queue = &queue{link: l, workers: &s.workers, to: r}
	return r, l
}

// rootOf is a root that knows these children, and has no mailboxes: whoever looks for
// one fails.
func rootOf(children ...*child) *Supervisor {
	s := &Supervisor{engine: &engine{children: map[uint32]*child{}, away: map[uint64]*awayCall{}, kept: map[string]*child{},
		log: slog.New(slog.DiscardHandler), lastID: 100}}
	for _, c := range children {
		s.children[c.id] = c
	}
	return s
}

// descriptor is one that is open.
func descriptor(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// brings is a link on which one frame comes.
type brings struct {
	transport.Link
	frame []byte
	files []transport.File
}

func (l brings) Receive(b []byte) (int, []transport.File, error) {
	return copy(b, l.frame), l.files, nil
}

// TestWrongDescriptors: a frame that comes with more descriptors than belong to it, or
// fewer, is not handled, and they do not stay open.
func TestWrongDescriptors(t *testing.T) {
	for n, f := range []wire.Started{{Known: 1}, {}, {Known: 1}} {
		s := rootOf()
		s.mail = make(chan func(), 1)
		l := brings{frame: wire.Append(nil, &f)}
		for range n {
			l.files = append(l.files, descriptor(t))
		}
		if r := (&running{s: s, link: l}); !r.read() || len(s.mail) != 0 {
			t.Errorf("with %d descriptors it is handled, or the link ends", n)
		}
		for _, f := range l.files {
			if f.Close() == nil {
				t.Errorf("one of %d descriptors stays open", n)
			}
		}
	}
}

// TestSubtreeSaysWhatIsOver: the root does nothing about a child that is none of the
// supervisor that speaks of it, or about a process of it that is no more. Who waits for
// an answer gets one, and no descriptor stays open.
func TestSubtreeSaysWhatIsOver(t *testing.T) {
	const nobody, others, mine, idle, subtree, driven = 1, 2, 3, 4, 5, 6
	addr := func(id, incarnation uint32) wire.Addr { return wire.Addr{ID: id, Incarnation: incarnation} }
	stop := wire.Append(nil, &wire.Stop{Reason: wire.ReasonShutdown})
	goOn := wire.Append(nil, &wire.Handover{Successor: 4, Step: wire.StepGoOn})
	type said struct {
		wire.Frame
		files int
	}
	all := []said{
		{&wire.Adopt{Child: addr(mine, 4)}, 1},                // it runs
		{&wire.Adopt{Child: addr(idle, 4), StandBy: 1}, 1},    // it does not
		{&wire.Adopt{Child: addr(subtree, 4), StandBy: 1}, 1}, // it has no mailbox
		{&wire.Adopt{Child: addr(driven, 4)}, 1},              // it has no process
		{&wire.Below{Child: addr(mine, 3), Frame: goOn}, 0},
		{&wire.Below{Child: addr(mine, 3), Frame: []byte{0}}, 0},
		{&wire.Left{ID: mine, Forgotten: 1}, 0}, // it runs
		{&wire.Leaving{ID: mine}, 0},            // it is in no pool
		{&wire.Retire{From: addr(mine, 3)}, 0},
		{&wire.Answer{Token: 5, Text: []byte("{}")}, 0}, // to a question to another one
		{&wire.Answer{Token: 6, Text: []byte("{}")}, 0},
	}
	for _, a := range []wire.Addr{addr(nobody, 3), addr(others, 3), addr(mine, 2), addr(idle, 3)} {
		all = append(all, said{&wire.Adopt{Child: a}, 1}, said{&wire.Adopt{Child: a, StandBy: 1}, 1}, said{&wire.Started{Child: a, PID: 77, Known: 1}, 1},
			said{&wire.Started{Child: a, PID: 77}, 0}, said{&wire.Below{Child: a, Frame: stop}, 0}, said{&wire.Drained{From: a}, 0})
		if a.ID == nobody || a.ID == others {
			all = append(all, said{&wire.Died{Exit: wire.Exit{Addr: a}}, 0}, said{&wire.Left{ID: a.ID}, 0}, said{&wire.Left{ID: a.ID, Forgotten: 1}, 0},
				said{&wire.Retire{From: a}, 0}, said{&wire.Leaving{ID: a.ID}, 0}, said{&wire.Event{Child: a, PID: 77, What: string(EventSuspended)}, 0})
		}
	}
	for _, m := range all {
		s := rootOf()
		r, answers := heardBy(s, addr(50, 1))
		other, _ := heardBy(s, addr(51, 1))
		s.away[5] = &awayCall{r: other, done: func(outcome) { t.Errorf("the answer of another process is believed") }}
		told := map[uint32]*heard{}
		for id, by := range map[uint32]*running{others: other, mine: r, idle: r, subtree: r, driven: r} {
			c := &child{id: id, spec: new(Child), life: life{incarnation: 3, pid: 7, ready: true}, sort: wire.SortActor, away: by, branch: &branch{self: &child{spec: new(Child)}}}
			if c.run, told[id] = heardBy(s, addr(id, 3)); id == subtree {
				c.sort = wire.SortSubtree
			}
			if id == driven {
				c.run, c.sort = nil, wire.SortSupervisor
			} else if id == idle {
				c.run = nil
			}
			s.children[id] = c
		}
		var files []transport.File
		for range m.files {
			files = append(files, descriptor(t))
		}
		if !s.fromSubtree(r, m.Frame, files) {
			t.Errorf("%T %+v is not taken", m.Frame, m.Frame)
		}
		for _, f := range files {
			if f.Close() == nil {
				t.Errorf("%T %+v: a descriptor stays open", m.Frame, m.Frame)
			}
		}
		for id, c := range s.children {
			if c.asked || c.suspended || c.retiring || !c.ready || c.exit != nil || c.next != nil || c.pid != 7 || c.incarnation != 3 || c.issued != 0 ||
				(c.run != nil) != (id != idle && id != driven) || len(told[id].frames) > 0 {
				t.Errorf("%T %+v: child %d is %+v, told %+v", m.Frame, m.Frame, id, c, told[id].frames)
			}
		}
		if len(s.children) != 5 || len(s.away) != 1 {
			t.Errorf("%T %+v: %d children, %d questions", m.Frame, m.Frame, len(s.children), len(s.away))
		}
		if want, ok := m.Frame.(*wire.Drained); ok && (len(answers.frames) != 1 || !reflect.DeepEqual(answers.frames[0], want)) {
			t.Errorf("%+v is answered by %+v", want, answers.frames)
		}
	}
}

// TestSubtreeEnrollsWhatIsNone: a child that cannot be one gets no number, and its
// supervisor, which waits, an answer.
func TestSubtreeEnrollsWhatIsNone(t *testing.T) {
	s := rootOf()
	r, _ := heardBy(s, wire.Addr{ID: 50, Incarnation: 1})
	other, _ := heardBy(s, wire.Addr{ID: 51, Incarnation: 1})
	for id, by := range map[uint32]*running{50: r, 51: other} {
		s.children[id] = &child{id: id, spec: new(Child), sub: &branch{away: by}}
	}
	s.children[52] = &child{id: 52, spec: new(Child), away: r}
	for _, f := range []wire.Enroll{
		{Parent: 49, Name: "a", Sort: wire.SortActor}, {Parent: 51, Name: "a", Sort: wire.SortActor}, {Parent: 52, Name: "a", Sort: wire.SortActor},
		{Parent: 50, Sort: wire.SortActor}, {Parent: 50, Name: "a/b", Sort: wire.SortActor},
		{Parent: 50, Name: "a", Sort: wire.SortActor - 1}, {Parent: 50, Name: "a", Sort: wire.SortSubtree + 1},
		{Parent: 50, Name: "a", Sort: wire.SortSupervisor, Route: wire.RouteBroadcast + 1}, {Parent: 50, Name: "a", Sort: wire.SortActor, Route: 1},
	} {
		f.Token = 9
		if e := s.enrollAway(r, &f); e.Token != 9 || e.Problem == "" || e.Child.ID != 0 || len(s.children) != 3 {
			t.Errorf("%+v is answered by %+v", f, e)
		}
	}
}

// mortal is a process that can be killed.
type mortal struct {
	process.Ending
	kills int
}

func (*mortal) PID() int           { return 7 }
func (*mortal) Exit() process.Exit { return process.Exit{} }
func (p *mortal) KillGroup() error { p.kills++; return nil }

// TestOrdersAboutWhatIsOver: what the root says of an incarnation is nothing about the
// next one, or about none.
func TestOrdersAboutWhatIsOver(t *testing.T) {
	s := &Supervisor{engine: &engine{log: slog.New(slog.DiscardHandler), children: map[uint32]*child{}}}
	s.above = &above{link: &heard{}}
	b := &branch{}
	r, p := &running{s: s, addr: wire.Addr{ID: 1, Incarnation: 3}}, &mortal{}
	r.proc = p
	c := &child{id: 1, spec: new(Child), branch: b, life: life{incarnation: 3, run: r}}
	c.next = &successor{addr: wire.Addr{ID: 1, Incarnation: 4}, self: &child{}}
	ended := &child{id: 2, spec: new(Child), branch: b, life: life{incarnation: 3}}
	s.children[1], s.children[2] = c, ended
	for _, what := range []string{orderHung, orderOverrun, orderGiveUp, orderProgram} {
		order := func(id, incarnation uint32) {
			text, err := json.Marshal(order{What: what, ID: id, Incarnation: incarnation, Text: "text"})
			if err != nil {
				t.Fatal(err)
			}
			s.obey(&wire.Command{Text: text})
		}
		order(9, 3)
		if what == orderProgram {
			if order(1, 0); c.program != "text" {
				t.Error("it has another program")
			}
			continue
		}
		order(2, 3)
		order(1, 2)
		if p.kills > 0 || c.doom != nil || c.next.abandoned || c.next.why != "" || ended.doom != nil {
			t.Errorf("%s, of an incarnation that has ended: %d kills, %+v, %+v", what, p.kills, c, c.next)
		}
		if what == orderHung || what == orderOverrun {
			if order(1, 3); p.kills != 1 || c.doom == nil {
				t.Errorf("%s: %d kills, %+v", what, p.kills, c.doom)
			}
			p.kills, c.doom = 0, nil
		}
	}
	cancelled := 0
	s.above.orders = map[uint64]context.CancelFunc{7: func() { cancelled++ }}
	for _, token := range []uint64{6, 7} { // the first is over
		s.obey(&wire.Command{Token: token, Text: []byte(`{"What":"` + orderCancel + `"}`)})
	}
	if cancelled != 1 {
		t.Errorf("%d orders are taken back", cancelled)
	}
	s.suspended(&running{addr: wire.Addr{ID: 9, Incarnation: 1}}, true)
	s.suspended(&running{addr: wire.Addr{ID: 1, Incarnation: 2}}, true)
	if c.suspended {
		t.Error("it is stopped, because its predecessor was")
	}
}

// TestAnswersInPieces: an answer that needs more frames than one arrives whole, each of
// two at once; what cannot be sent, and an answer that is none, are errors.
func TestAnswersInPieces(t *testing.T) {
	s := rootOf()
	r, questions := heardBy(s, wire.Addr{ID: 50, Incarnation: 1})
	var got [2]outcome
	var sent [2]outcome
	var pieces [2][]*wire.Answer
	for i := range got {
		token := s.order(r, order{What: orderChildren}, func(o outcome) { got[i] = o })
		for n := range 5000 {
			sent[i].Children = append(sent[i].Children, ChildInfo{ID: uint32(n), Name: strings.Repeat("x", 20+i)})
		}
		sent[i].send(token, func(f wire.Frame) {
			a := *f.(*wire.Answer)
			if len(wire.Append(nil, f)) > wire.MaxFrame {
				t.Errorf("a piece of %d bytes", len(a.Text))
			}
			pieces[i] = append(pieces[i], &a)
		})
	}
	for n := range max(len(pieces[0]), len(pieces[1])) {
		for i := range got {
			if n < len(pieces[i]) {
				s.answerAway(r, pieces[i][n])
			}
		}
	}
	if !reflect.DeepEqual(got, sent) || len(pieces[0]) < 3 || len(s.away) != 0 || len(questions.frames) != 2 {
		t.Errorf("%d and %d children in %d and %d pieces", len(got[0].Children), len(got[1].Children), len(pieces[0]), len(pieces[1]))
	}
	s.answerAway(r, &wire.Answer{Token: s.order(r, order{}, func(o outcome) { got[0] = o }), Text: []byte("none")})
	if err := got[0].err(); err == nil || len(s.away) != 0 {
		t.Error("an answer that is none is no error")
	}
	s.order(r, order{Text: strings.Repeat("x", maxPiece)}, func(o outcome) { got[0] = o })
	if err := got[0].err(); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("too long: %v", err)
	}
	r.lost = true
	s.order(r, order{}, func(o outcome) { got[0] = o })
	if err := got[0].err(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("to one that has ended: %v", err)
	}
	if s.order(r, order{}, nil); len(questions.frames) != 3 || len(s.away) != 0 {
		t.Errorf("%d frames, %d questions", len(questions.frames), len(s.away))
	}
}

// TestIncompatibleError: it says what does not fit, and what to do about that.
func TestIncompatibleError(t *testing.T) {
	for want, e := range map[string]*IncompatibleError{
		"does not know message type m.T (0x7): keep a handler":            {Type: "m.T", Old: 7},
		"does not know state type m.T (0x7): add an OnState":              {Type: "m.T", Old: 7, State: true},
		"message type m.T has another structure in the new program (0x8)": {Type: "m.T", Old: 7, New: 8},
		"state type m.T has another structure in the new program (0x8)":   {Type: "m.T", Old: 7, New: 8, State: true},
	} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q, want %q", e, want)
		}
	}
	refused := &RefusedError{Limit: LimitNice, Value: "-5", Remedy: "run as root", Err: os.ErrPermission}
	if got := refused.Error(); got != "limit "+string(LimitNice)+" -5: permission denied; run as root" {
		t.Errorf("%q", got)
	}
	before := []wire.TypeName{{ID: 1, Name: "a"}, {ID: 7, Name: "m.T"}}
	e, ok := compatible(before, []wire.TypeName{{ID: 8, Name: "m.T"}, {ID: 1, Name: "a"}}).(*IncompatibleError)
	if !ok || *e != (IncompatibleError{Type: "m.T", Old: 7, New: 8}) {
		t.Errorf("%+v", e)
	}
	if err := compatible(before[:1], before); err != nil {
		t.Error(err)
	}
}
