package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// A Boss does what an operator can do, in a handler of its own process.
type Boss struct{}

type (
	Order struct {
		actor.Asks[Boss, Report]
		What string
		ID   uint32
		Path string // of the supervisor that is meant, or ""
		Size int
	}
	Report struct {
		ID   uint32
		Text string
		Is   string // which error it was
	}
)

var boss = actor.Define("boss", func(s *actor.Setup[Boss]) error {
	actor.OnAsk(s, func(c *actor.Context, o Order) (r Report, err error) {
		sup, err := supervisor.Of(c)
		if err != nil {
			return r, err
		}
		if err = giveOrder(c, sup, o, &r); err == nil {
			return r, nil
		}
		r.Text = err.Error()
		for name, e := range map[string]error{"no operator": supervisor.ErrNotOperator, "not found": supervisor.ErrNotFound, "running": supervisor.ErrRunning, "own": supervisor.ErrOwnActor} {
			if errors.Is(err, e) {
				r.Is = name
			}
		}
		if p := new(supervisor.PresentError); errors.As(err, &p) {
			r.Is, r.ID = "present", p.ID
		}
		if s := new(supervisor.StartError); errors.As(err, &s) {
			r.Is = "start: " + s.Text
		}
		return r, nil
	})
	return nil
})

func giveOrder(ctx context.Context, sup *supervisor.Supervisor, o Order, r *Report) (err error) {
	if o.Path != "" {
		if sup, err = sup.Below(o.Path); err != nil {
			return err
		}
	}
	switch o.What {
	case "start", "start bad":
		child := supervisor.Child{Name: "mine"}
		if o.What == "start bad" {
			child = supervisor.Child{Name: "bad", Env: []string{"NODE_SETUP=fail"}}
		}
		var ref actor.Ref[Node]
		ref, err = supervisor.StartChild(ctx, sup, node, child)
		r.ID = ref.ID
	case "start within": // so many microseconds
		ctx, cancel := context.WithTimeout(ctx, time.Duration(o.Size)*time.Microsecond)
		defer cancel()
		var ref actor.Ref[Node]
		ref, err = supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "mine", InPlace: true})
		r.ID = ref.ID
	case "pool":
		var ref actor.Ref[Shelf]
		ref, err = supervisor.StartPool(ctx, sup, shelf, supervisor.Pool{Size: 2})
		r.ID = ref.ID
	case "find":
		var ref actor.Ref[Node]
		ref, err = supervisor.Find(sup, node, "mine")
		r.ID = ref.ID
	case "resize":
		if err = sup.Resize(ctx, o.ID, o.Size); err == nil { // and this process knows the members
			all, e := actor.Members(ctx, actor.Ref[Shelf]{ID: o.ID})
			r.ID, err = uint32(len(all)), e
		}
	case "replace":
		err = sup.Replace(ctx, o.ID, supervisor.Replacement{})
	case "replace all":
		err = sup.ReplaceAll(ctx, supervisor.Replacement{})
	case "replace later":
		go func() { _ = sup.Replace(context.WithoutCancel(ctx), o.ID, supervisor.Replacement{}) }()
	case "who":
		r.ID = uint32(ctx.(*actor.Context).Incarnation())
	case "unread":
		var n int
		n, err = sup.Unread(o.ID)
		r.ID = uint32(n)
	case "kill":
		err = sup.Kill(o.ID)
	case "terminate":
		err = sup.Terminate(ctx, o.ID)
	case "restart":
		err = sup.Restart(ctx, o.ID)
	case "delete":
		err = sup.Delete(ctx, o.ID)
	case "children":
		for _, c := range sup.Children() {
			r.Text += c.Name + " "
		}
		r.ID = uint32(sup.Count().Specs)
	case "output":
		_, err = supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "x", Stderr: io.Discard})
	case "cancelled":
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if err = sup.Replace(ctx, o.ID, supervisor.Replacement{}); errors.Is(err, context.Canceled) {
			return nil
		}
		return fmt.Errorf("want a cancelled context, not %v", err)
	}
	return err
}

// orders gives a boss orders.
type orders struct {
	*testing.T
	ctx context.Context
	to  actor.Ref[Boss]
}

func (t orders) give(o Order) Report {
	t.Helper()
	r, err := actor.Ask(t.ctx, t.to, o)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	return r
}

func (t orders) ok(o Order) uint32 {
	t.Helper()
	r := t.give(o)
	if r.Text != "" && o.What != "children" {
		t.Fatalf("%+v: %s", o, r.Text)
	}
	return r.ID
}

// TestOperator: an actor, in its own process, starts, finds, lists, kills, stops,
// restarts, deletes, resizes and replaces actors anywhere in the tree, with the
// errors that the root would get.
func TestOperator(t *testing.T) {
	for _, place := range []string{"", "office"} { // whose children they are
		t.Run("below "+place, func(t *testing.T) {
			ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
			ref, err := supervisor.StartChild(ctx, sup, boss, supervisor.Child{Operator: true, Stderr: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: io.Discard}); err != nil {
				t.Fatal(err)
			}
			to := orders{t, ctx, ref}
			mine := actor.Ref[Node]{ID: to.ok(Order{What: "start", Path: place})}
			was := who(t, ctx, mine)
			if got := to.ok(Order{What: "find", Path: place}); got != mine.ID {
				t.Errorf("found %d, want %d", got, mine.ID)
			}
			if r := to.give(Order{What: "start", Path: place}); r.Is != "present" || r.ID != mine.ID {
				t.Errorf("%+v", r)
			}
			if r := to.give(Order{What: "start bad", Path: place}); r.Is != "start: no socket to sit on" {
				t.Errorf("%+v", r)
			}
			if r := to.give(Order{What: "children", Path: place}); !strings.Contains(r.Text, "mine ") || r.ID == 0 {
				t.Errorf("%+v", r)
			}
			to.ok(Order{What: "replace", ID: mine.ID})
			if m := who(t, ctx, mine); m.Incarnation != 2 || m.PID == was.PID {
				t.Errorf("%+v", m)
			}
			to.ok(Order{What: "cancelled", ID: mine.ID})
			pool := to.ok(Order{What: "pool", Path: place})
			if n := to.ok(Order{What: "resize", ID: pool, Size: 3}); n != 3 {
				t.Errorf("%d members", n)
			}
			if r := to.give(Order{What: "delete", ID: mine.ID, Path: place}); r.Is != "running" {
				t.Errorf("%+v", r)
			}
			for _, what := range []string{"terminate", "restart", "terminate", "delete"} {
				to.ok(Order{What: what, ID: mine.ID, Path: place})
			}
			if r := to.give(Order{What: "kill", ID: mine.ID}); r.Is != "not found" {
				t.Errorf("%+v", r)
			}
			if r := to.give(Order{What: "output", Path: place}); !strings.Contains(r.Text, "Stderr") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestOperatorsStartEndsEarly: whenever the context of a start ends, either the operator
// learns that the child runs, or there is no child, and its name is free.
func TestOperatorsStartEndsEarly(t *testing.T) {
	for _, place := range []string{"", "office"} {
		t.Run("below "+place, func(t *testing.T) {
			ctx, sup, _ := newSup(t, supervisor.Spec{})
			ref, err := supervisor.StartChild(ctx, sup, boss, supervisor.Child{Operator: true, Stderr: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: io.Discard}); err != nil {
				t.Fatal(err)
			}
			to := orders{t, ctx, ref}
			start := func(limit time.Duration) Report {
				r := to.give(Order{What: "start within", Path: place, Size: int(limit.Microseconds())})
				if r.Text == "" {
					to.ok(Order{What: "terminate", ID: r.ID, Path: place})
					to.ok(Order{What: "delete", ID: r.ID, Path: place})
				}
				return r
			}
			limit := time.Millisecond // near to what a start takes
			for range testutil.Rounds(300, 5000) {
				switch r := start(limit); {
				case r.Text == "":
					limit -= limit / 16
				case r.Is != "present":
					limit += limit / 16
				}
			}
			end := time.Now().Add(10 * time.Second)
			for r := start(time.Minute); r.Text != ""; r = start(time.Minute) {
				if r.Is != "present" || time.Now().After(end) { // what was undone last may still be ending
					t.Fatal(r)
				}
			}
		})
	}
}

// TestNotOperator: an actor that is none is refused whatever it asks for, and so
// is one below a supervisor in a process of its own that is none.
func TestNotOperator(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	plain, err := supervisor.StartChild(ctx, sup, boss, supervisor.Child{Name: "plain", Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	below, err := supervisor.StartChild(ctx, sub, boss, supervisor.Child{Operator: true})
	if err != nil {
		t.Fatal(err)
	}
	victim := startNode(t, ctx, sup, supervisor.Child{})
	for _, ref := range []actor.Ref[Boss]{plain, below} {
		to := orders{t, ctx, ref}
		for _, what := range []string{"start", "pool", "find", "resize", "replace", "kill", "terminate", "restart", "delete"} {
			if r := to.give(Order{What: what, ID: victim.ID, Size: 2}); r.Is != "no operator" {
				t.Errorf("%s: %+v", what, r)
			}
		}
	}
	if m := who(t, ctx, victim); m.Incarnation != 1 || len(sup.Children()) != 3 {
		t.Errorf("%+v, %v", m, sup.Children())
	}
	own, err := supervisor.Of(ctx) // the root may
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Terminate(ctx, victim.ID); err != nil {
		t.Fatal(err)
	}
}

// TestOperatorBelowSubtree: one below a supervisor in a process of its own, which
// is an operator, too.
func TestOperatorBelowSubtree(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: io.Discard, Operator: true})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := supervisor.StartChild(ctx, sub, boss, supervisor.Child{Operator: true})
	if err != nil {
		t.Fatal(err)
	}
	to := orders{t, ctx, ref}
	mine := actor.Ref[Node]{ID: to.ok(Order{What: "start", Path: "office"})}
	to.ok(Order{What: "replace", ID: mine.ID})
	if m := who(t, ctx, mine); m.Incarnation != 2 {
		t.Errorf("%+v", m)
	}
}

// TestOperatorOfItself: an actor that would wait for its own end or replacement is
// told so at once; it can have itself replaced in a goroutine.
func TestOperatorOfItself(t *testing.T) {
	for _, inPlace := range []bool{false, true} {
		t.Run(fmt.Sprintf("in place %v", inPlace), func(t *testing.T) {
			ctx, sup, _ := newSup(t, supervisor.Spec{})
			child := supervisor.Child{Operator: true, InPlace: inPlace}
			if !inPlace {
				child.Stderr = io.Discard
			}
			ref, err := supervisor.StartChild(ctx, sup, boss, child)
			if err != nil {
				t.Fatal(err)
			}
			to := orders{t, ctx, ref}
			for _, what := range []string{"replace", "replace all", "terminate"} {
				if r := to.give(Order{What: what, ID: ref.ID}); r.Is != "own" {
					t.Errorf("%s: %+v", what, r)
				}
			}
			if n := to.ok(Order{What: "who"}); n != 1 {
				t.Errorf("incarnation %d", n)
			}
			to.ok(Order{What: "replace later", ID: ref.ID})
			for to.ok(Order{What: "who"}) == 1 {
			}
			other := to.ok(Order{What: "start"})
			to.ok(Order{What: "replace", ID: other})
		})
	}
}
