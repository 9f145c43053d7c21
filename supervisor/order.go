package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// order is what the root asks of a supervisor in another process, or an operator of the
// root. It crosses as JSON.
type order struct {
	What        string
	Supervisor  uint32 // the one it is for: the process's own, or one that it drives
	ID          uint32 // the child
	Incarnation uint32
	Child       *childText
	Text        string
	Size        int // of a pool
	Replacement *Replacement
	Err         *errorText
}

// The values of order.What.
const (
	orderStart     = "start"
	orderCancel    = "cancel" // the start with the same token
	orderUndo      = "undo"   // a start whose outcome nobody has learnt
	orderTerminate = "terminate"
	orderRestart   = "restart"
	orderDelete    = "delete"
	orderKill      = "kill"
	orderChildren  = "children"
	orderCount     = "count"
	orderHung      = "hung"
	orderOverrun   = "overrun"
	orderReplace   = "replace"
	orderGiveUp    = "give up"
	orderProgram   = "program"
	orderResize    = "resize"
	orderLookup    = "lookup"
	orderAll       = "replace all"
	orderUnread    = "unread"
)

// outcome answers an order.
type outcome struct {
	ID       uint32
	Found    *childText // of a lookup
	Children []ChildInfo
	Counts   Counts
	Unread   int
	Err      *errorText
	local    error // an error that arose in this process
}

// childText is a Child in the form in which it crosses to another process of the program.
type childText struct {
	Child
	Defined string // name of the Actor, or of the pool's
	Pool    *Pool  // without its actor
	Tree    string // name of the Subtree
}

// text converts c to the form in which it crosses.
func (c Child) text() (*childText, error) {
	if p := c.pool(); p != nil {
		t, err := p.Member.text()
		if err != nil {
			return nil, err
		}
		p := *p
		p.Member = Child{}
		t.Pool = &p
		return t, nil
	}
	t := &childText{Child: c}
	if c.Stderr != nil || c.Supervisor != nil || c.Command != nil && (c.Command.Output != nil || c.Command.Log != nil) {
		return nil, fmt.Errorf("supervisor: child %s: Stderr, Supervisor, Command.Output and Command.Log belong to this process, "+
			"but its supervisor is in another one: set them in that supervisor's definition", c.Name)
	}
	if c.Actor != nil {
		t.Defined, t.Actor = c.Actor.Name(), nil
	}
	if c.Subtree != nil {
		t.Tree, t.Subtree = c.Subtree.name, nil
	}
	return t, nil
}

// child undoes text.
func (t *childText) child() (c Child, err error) {
	c = t.Child
	if t.Defined != "" {
		def, err := hosting.Defined(t.Defined)
		if err != nil {
			return c, err
		}
		c.Actor = def.(actor.AnyDefinition)
	}
	if t.Tree != "" {
		c.Subtree, err = definitionOf(t.Tree)
	}
	if t.Pool != nil && c.Actor != nil && err == nil {
		p := *t.Pool
		p.Member, c = c, Child{}
		return p.Child(p.Member.Actor), nil
	}
	return c, err
}

// maxPiece bounds the text of one frame, in bytes.
const maxPiece = 48 << 10

// obey carries out an order of the root, in a goroutine, since most orders take time.
func (s *Supervisor) obey(f *wire.Command) {
	var o order
	if err := json.Unmarshal(f.Text, &o); err != nil {
		s.log.Error("order refused", "err", err)
		return
	}
	switch o.What {
	case orderCancel:
		if cancel := s.above.orders[f.Token]; cancel != nil {
			cancel()
		}
		return
	case orderHung, orderOverrun, orderGiveUp, orderProgram, orderUndo:
		if c := s.children[o.ID]; c != nil {
			s.obeyAbout(c, o)
		}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.above.orders[f.Token] = cancel
	go func() {
		s.answerOrder(f.Token, s.follow(ctx, o))
		s.post(func() {
			delete(s.above.orders, f.Token)
			cancel()
		})
	}()
}

// obeyAbout carries out at once an order about a child.
func (s *Supervisor) obeyAbout(c *child, o order) {
	switch {
	case o.What == orderHung && c.run != nil && c.incarnation == o.Incarnation:
		s.killHung(c, c.run, o.Text)
	case o.What == orderOverrun && c.run != nil && c.incarnation == o.Incarnation:
		s.killOverrun(c, c.run, o.Text)
	case o.What == orderGiveUp && c.next != nil && c.next.addr.Incarnation == o.Incarnation:
		s.giveUp(c, o.Text, o.Err.err())
	case o.What == orderProgram:
		s.setProgram(c, o.Text)
	case o.What == orderUndo:
		s.undo(c.id)
	}
}

// follow carries out an order and returns its outcome.
func (s *Supervisor) follow(ctx context.Context, o order) (out outcome) {
	sup := &Supervisor{engine: s.engine, id: o.Supervisor}
	if s.above != nil && o.Supervisor == s.above.self.ID {
		sup.id = 0
	}
	var err error
	if o.lacks() {
		return outcome{Err: textOf(fmt.Errorf("supervisor: order %q says nothing of what it is about", o.What))}
	}
	switch o.What {
	case orderStart:
		var c Child
		if c, err = o.Child.child(); err == nil {
			out.ID, err = sup.start(ctx, c)
		}
	case orderTerminate:
		err = sup.Terminate(ctx, o.ID)
	case orderRestart:
		err = sup.Restart(ctx, o.ID)
	case orderDelete:
		err = sup.Delete(ctx, o.ID)
	case orderKill:
		err = sup.Kill(o.ID)
	case orderResize:
		err = sup.Resize(ctx, o.ID, o.Size)
	case orderReplace:
		err = sup.Replace(ctx, o.ID, *o.Replacement)
	case orderChildren:
		out.Children, err = sup.list(ctx)
	case orderLookup:
		out.ID, out.Found, err = sup.found(o.Text)
	case orderAll:
		err = sup.ReplaceAll(ctx, *o.Replacement)
	case orderCount:
		out.Counts = sup.Count()
	case orderUnread:
		out.Unread, err = sup.Unread(o.ID)
	case orderUndo:
		s.call(func() { s.undo(o.ID) })
	default:
		err = fmt.Errorf("supervisor: unknown order %q", o.What)
	}
	out.Err = textOf(err)
	return out
}

// lacks says whether the part is missing without which an order cannot be followed: it
// may come from a process that does not make it as this library does.
func (o *order) lacks() bool {
	switch o.What {
	case orderStart:
		return o.Child == nil
	case orderReplace, orderAll:
		return o.Replacement == nil
	}
	return false
}

func (s *Supervisor) answerOrder(token uint64, out outcome) {
	out.send(token, func(f wire.Frame) { s.above.send(f) })
}

// send sends the outcome in as many pieces as it needs.
func (out outcome) send(token uint64, send func(wire.Frame)) {
	text, err := json.Marshal(out)
	if err != nil {
		text, _ = json.Marshal(outcome{Err: textOf(err)})
	}
	for len(text) > maxPiece {
		send(&wire.Answer{Token: token, More: 1, Text: text[:maxPiece]})
		text = text[maxPiece:]
	}
	send(&wire.Answer{Token: token, Text: text})
}

// awayCall is an order that has no answer yet.
type awayCall struct {
	r    *running
	text []byte
	done func(outcome)
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 20

// order sends an order. If done is not nil, the loop calls it with the answer.
func (s *Supervisor) order(r *running, o order, done func(outcome)) (token uint64) {
	text, err := json.Marshal(o)
	if err == nil && len(text) > maxPiece {
		err = fmt.Errorf("supervisor: the child's description has %d bytes; at most %d can cross to the process of its supervisor", len(text), maxPiece)
	}
	if err == nil && r.lost {
		err = ErrNotRunning
	}
	if done == nil {
		if err == nil {
			r.queue.post(&wire.Command{Text: text})
		}
		return 0
	}
	if err != nil {
		done(outcome{Err: textOf(err)})
		return 0
	}
	s.lastCall++
	token = s.lastCall
	s.away[token] = &awayCall{r: r, done: done}
	r.queue.post(&wire.Command{Token: token, Text: text})
	return token
}

func (s *Supervisor) answerAway(r *running, f *wire.Answer) {
	call := s.away[f.Token]
	if call == nil || call.r != r {
		return
	}
	if call.text = append(call.text, f.Text...); f.More == 1 && len(call.text) < maxAnswer {
		return
	}
	delete(s.away, f.Token)
	var out outcome
	if err := json.Unmarshal(call.text, &out); err != nil {
		out.Err = textOf(fmt.Errorf("supervisor: answer of a supervisor's process: %w", err))
	}
	call.done(out)
}

// failAway fails the unanswered orders to a process that has ended.
func (s *Supervisor) failAway(r *running) {
	for token, call := range s.away {
		if call.r == r {
			delete(s.away, token)
			call.done(outcome{Err: textOf(fmt.Errorf("supervisor: the process of the supervisor has ended: %w", ErrNotRunning))})
		}
	}
}

// commandAway passes a command about a child to the process of its supervisor.
func (s *Supervisor) commandAway(call uint64, c *child, in tree.Input) error {
	s.order(c.away, order{Supervisor: c.branch.self.id, ID: c.id, What: orderOf(in)}, s.finishing(call))
	return nil
}

// finishing returns a function that finishes a call with the outcome of an order.
func (s *Supervisor) finishing(call uint64) func(outcome) {
	return func(out outcome) { s.finish(call, out.Err.err()) }
}

// orderOf is the order for a command.
func orderOf(in tree.Input) string {
	switch in.(type) {
	case tree.Terminate:
		return orderTerminate
	case tree.RestartChild:
		return orderRestart
	}
	return orderDelete
}

// startAway passes a start to the process of the supervisor. started is called before the
// call is finished.
func (s *Supervisor) startAway(ctx context.Context, b *branch, call uint64, spec Child, started func(id uint32)) error {
	text, err := spec.text()
	if err != nil {
		return err
	}
	s.orderUntil(ctx, b.away, order{What: orderStart, Supervisor: b.self.id, Child: text}, func(out outcome) {
		started(out.ID)
		s.finish(call, out.Err.err())
	})
	return nil
}

// orderUntil sends an order that is cancelled when ctx ends.
func (s *Supervisor) orderUntil(ctx context.Context, r *running, o order, done func(outcome)) {
	stop := func() bool { return true }
	token := s.order(r, o, func(out outcome) {
		stop()
		done(out)
	})
	stop = context.AfterFunc(ctx, func() {
		s.post(func() {
			if s.away[token] != nil {
				b, _ := json.Marshal(order{What: orderCancel})
				r.queue.post(&wire.Command{Token: token, Text: b})
			}
		})
	})
}

// errAway says that another process has to carry out the command.
var errAway = errors.New("supervisor: the child belongs to a supervisor in another process")

// killAway lets the process of a child's supervisor kill the child, if that runs in that
// process or this one does not know its process.
func (s *Supervisor) killAway(id uint32) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), awayTime, fmt.Errorf("supervisor: child %d: %w", id, ErrNoAnswer))
	defer cancel()
	return s.await(ctx, func(call uint64) error {
		c := s.children[id]
		if c == nil || c.away == nil {
			return commandError(nil, id, ErrNotFound)
		}
		s.order(c.away, order{What: orderKill, ID: id}, s.finishing(call))
		return nil
	})
}

// awayTime bounds the wait for an answer from the process of a supervisor, which may
// have been stopped by a signal. Tests change it.
var awayTime = answerTime

const answerTime = 5 * time.Second

// queryAway asks the process of this supervisor a question.
func (s *Supervisor) queryAway(ctx context.Context, what string) (out outcome) {
	ctx, cancel := context.WithTimeoutCause(ctx, awayTime, ErrNoAnswer)
	defer cancel()
	answer := make(chan outcome, 1)
	err := s.await(ctx, func(call uint64) error {
		b := s.branch()
		if b == nil || b.away == nil {
			return ErrNotRunning
		}
		s.order(b.away, order{What: what, Supervisor: b.self.id}, func(o outcome) {
			answer <- o
			s.finish(call, nil)
		})
		return nil
	})
	if err != nil {
		return outcome{Err: textOf(err), local: err}
	}
	return <-answer
}
