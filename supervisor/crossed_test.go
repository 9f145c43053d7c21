package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestStartCrossesItsEnd: a start below a supervisor in another process whose answer
// crosses with the end of its context is undone, like one that was answered before.
func TestStartCrossesItsEnd(t *testing.T) {
	for _, before := range []bool{true, false} { // the answer comes before the caller's word
		const above, started = 5, 9
		s := rootOf(&child{id: above})
		s.mail, s.quit, s.ended, s.calls = make(chan func(), 64), make(chan struct{}), make(chan struct{}), map[uint64]chan<- error{}
		r, told := heardBy(s, wire.Addr{ID: above, Incarnation: 1})
		s.children[above].sub = &branch{path: "pair", self: s.children[above], away: r}
		s.children[started] = &child{id: started, away: r, branch: s.children[above].sub}
		ctx, cancel := context.WithCancel(context.Background())
		failed := make(chan error, 1)
		go func() {
			_, err := (&Supervisor{engine: s.engine, id: above}).start(ctx, Child{Name: "x", Command: &Command{Path: "sh"}})
			failed <- err
		}()
		(<-s.mail)() // passes the order on
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		answer := &wire.Answer{Token: told.frames[0].(*wire.Command).Token, Text: []byte(`{"ID":9}`)}
		if before {
			s.answerAway(r, answer)
		}
		for range 2 { // the caller's word, and that the order is cancelled
			(<-s.mail)()
		}
		s.answerAway(r, answer)
		var orders []order
		for _, f := range told.frames {
			var o order
			if err := json.Unmarshal(f.(*wire.Command).Text, &o); err != nil {
				t.Fatal(err)
			}
			orders = append(orders, o)
		}
		ended := slices.DeleteFunc(slices.Clone(orders), func(o order) bool { return o.What != orderUndo || o.ID != started })
		if len(ended) != 1 {
			t.Errorf("answered before: %v; the orders are %+v", before, orders)
		}
	}
}

// lateHost is the host of an operator whose context always ends before the answer comes.
type lateHost struct {
	hosting.Host
	answer string
	orders []order
}

func (h *lateHost) Command(_ context.Context, text []byte, late func([]byte)) ([]byte, error) {
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, err
	}
	h.orders = append(h.orders, o)
	if o.What != orderStart {
		return []byte("{}"), nil
	}
	late([]byte(h.answer))
	return nil, context.Canceled
}

// TestOperatorsStartCrossesItsEnd: the same for a start by an operator; if it has failed,
// there is nothing to undo.
func TestOperatorsStartCrossesItsEnd(t *testing.T) {
	for answer, want := range map[string]int{`{"ID":9}`: 1, `{"ID":9,"Err":{"Text":"no"}}`: 0, `{`: 0} {
		h := &lateHost{answer: answer}
		_, err := (&Supervisor{engine: &engine{host: h}}).start(context.Background(), Child{Name: "x", Command: &Command{Path: "sh"}})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if rest := h.orders[1:]; len(rest) != want || want > 0 && (rest[0].What != orderUndo || rest[0].ID != 9) {
			t.Errorf("after %s the orders are %+v", answer, h.orders)
		}
	}
}

// TestSuccessorLostUnannounced: if the process of a supervisor has ended before it could
// say that a successor has started, nothing is said of that successor's end.
func TestSuccessorLostUnannounced(t *testing.T) {
	for announced, want := range map[bool][]EventKind{false: nil, true: {EventReplacing, EventExited, EventAbandoned}} {
		c := &child{id: 9, sort: wire.SortActor, spec: new(Child), branch: new(branch), life: life{incarnation: 1}}
		s := rootOf(c)
		s.keeper = keeper.New(s.log, func(keeper.Letter) {})
		var got []EventKind
		s.spec.OnEvent = func(e Event) { got = append(got, e.Kind) }
		r, _ := heardBy(s, wire.Addr{ID: 5, Incarnation: 1})
		addr := wire.Addr{ID: 9, Incarnation: 2}
		c.away = r
		c.next = &successor{addr: addr, self: &child{id: 9, spec: new(Child), branch: c.branch, life: life{incarnation: 2, run: &running{s: s, addr: addr}}}}
		if announced {
			s.eventAway(r, &wire.Event{Child: addr, PID: 7, What: string(EventReplacing)})
		}
		s.successorLost(c, wire.Exit{})
		if !slices.Equal(got, want) || c.next != nil {
			t.Errorf("announced: %v; %q, want %q", announced, got, want)
		}
	}
}

// TestOrderBeforeTheList: an order that comes before a supervisor's process has begun to
// start what it lists waits for that: a start would take the number of a listed child with
// that name.
func TestOrderBeforeTheList(t *testing.T) {
	s := rootOf()
	s.root = newBranch(nil, Spec{}.withDefaults(), nil)
	s.mail, s.quit = make(chan func(), 64), make(chan struct{})
	s.above = &above{link: &heard{}, log: s.log, orders: map[uint64]context.CancelFunc{}}
	s.fromAbove(&wire.Command{Token: 1, Text: []byte(`{"What":"count"}`)})
	s.fromAbove(&wire.Command{Token: 1, Text: []byte(`{"What":"cancel"}`)})
	for range 3 {
		if len(s.above.orders) > 0 || len(s.later) != 2 {
			t.Fatalf("%d orders have begun, and %d wait", len(s.above.orders), len(s.later))
		}
		next := s.later
		s.later = nil
		for _, f := range next {
			f()
		}
	}
	s.root.up = 1
	s.later[0]()
	if s.above.orders[1] == nil {
		t.Error("the order has not begun")
	}
	close(s.quit)
}

// TestSetAside: what a supervisor's process has forgotten while it started is still there for
// its next incarnation; what that does not list is forgotten when it is ready.
func TestSetAside(t *testing.T) {
	parent := &child{id: 5, sort: wire.SortSubtree, spec: &Child{Subtree: &Definition{}}}
	s := rootOf(parent)
	s.kinds, s.keeper = map[string]*kind{}, keeper.New(s.log, func(keeper.Letter) {})
	first, _ := heardBy(s, wire.Addr{ID: 5, Incarnation: 1})
	next, _ := heardBy(s, wire.Addr{ID: 5, Incarnation: 2})
	parent.sub = &branch{path: "pair", self: parent, away: first}
	enroll := func(r *running, listed uint8) uint32 {
		return s.enrollAway(r, &wire.Enroll{Parent: 5, Sort: wire.SortActor, Listed: listed, Name: "a", Definition: "node"}).Child.ID
	}
	number := enroll(first, 1)
	s.leftAway(first, &wire.Left{ID: number, Forgotten: 1})
	if s.children[number] != nil {
		t.Error("it is still known")
	}
	if other := enroll(first, 0); other == number {
		t.Error("one that is not listed got its number")
	}
	if s.dropKept(parent); parent.static["a"] == nil {
		t.Error("it was forgotten by its own incarnation's being ready")
	}
	parent.sub = &branch{path: "pair", self: parent, away: next}
	if again := enroll(next, 1); again != number || s.children[number] == nil {
		t.Errorf("it was number %d and is %d", number, again)
	}
	s.leftAway(next, &wire.Left{ID: number, Forgotten: 1})
	parent.sub = &branch{path: "pair", self: parent, away: first}
	if s.dropKept(parent); len(parent.static) != 0 {
		t.Error("it is not listed any more, and is kept")
	}
}
