package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// whims is a program whose processes and operators do what they like.
type whims struct {
	*testing.T
	dir string
	ctx context.Context
	sup *supervisor.Supervisor

	mu      sync.Mutex
	seq     int
	events  []supervisor.Event
	lives   map[uint32]*whimLife
	faults  []string
	did     map[string]int
	last    []string
	names   map[string]uint32 // the number of each listed child, by its supervisor's number and its name
	deleted map[uint32]bool
	notices []whimNotice
}

type whimNotice struct {
	ref    actor.Ref[Whim]
	ch     <-chan actor.Down
	placed int
}

// whimLife is what the events say about one child.
type whimLife struct {
	name string
	last int                      // incarnation
	runs map[int]*whimIncarnation // that have not exited
	gone bool
}

type whimIncarnation struct {
	since int
	pid   int
	ready bool
}

func (w *whims) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf("[%d] ", w.seq)+fmt.Sprintf(format, args...))
}

// event checks that the events of each child come in an order that makes sense.
func (w *whims) event(e supervisor.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	w.events = append(w.events, e)
	if e.Child == "" {
		return
	}
	l := w.lives[e.ID]
	if l == nil {
		l = &whimLife{name: e.Child, runs: map[int]*whimIncarnation{}}
		w.lives[e.ID] = l
	}
	if l.name != e.Child {
		w.fault("%v: number %d was %s", e, e.ID, l.name)
	}
	run := l.runs[e.Incarnation]
	switch e.Kind {
	case supervisor.EventStarting, supervisor.EventReplacing:
		if e.Incarnation <= l.last {
			w.fault("%v (number %d): after incarnation %d", e, e.ID, l.last)
		}
		if n := len(l.runs); n > 0 && e.Kind == supervisor.EventStarting || n != 1 && e.Kind == supervisor.EventReplacing {
			w.fault("%v (number %d): %d others run", e, e.ID, n)
		}
		l.last, l.gone = e.Incarnation, false
		l.runs[e.Incarnation] = &whimIncarnation{since: w.seq, pid: e.PID}
	case supervisor.EventReady, supervisor.EventReplaced:
		if run == nil || run.ready {
			w.fault("%v (number %d): %+v", e, e.ID, run)
		} else {
			run.ready = true
		}
	case supervisor.EventExited:
		if run == nil {
			w.fault("%v (number %d): it does not run", e, e.ID)
		}
		if e.Exit == nil {
			w.fault("%v (number %d): no facts", e, e.ID)
		}
		delete(l.runs, e.Incarnation)
		if e.PID != 0 && e.PID != os.Getpid() && run != nil && run.pid == e.PID && alive(e.PID) && strings.Contains(environ(e.PID), w.dir) && !w.hosts(e.PID) {
			w.fault("%v (number %d): process %d is alive", e, e.ID, e.PID)
		}
	case supervisor.EventGone:
		if l.gone {
			w.fault("%v (number %d): gone twice", e, e.ID)
		}
		if len(l.runs) > 0 {
			w.fault("%v (number %d): it runs", e, e.ID)
		}
		l.gone = true
	}
}

// hosts says whether a process is one of several children that run in it.
func (w *whims) hosts(pid int) bool {
	for _, l := range w.lives {
		for _, r := range l.runs {
			if r.pid == pid {
				return true
			}
		}
	}
	return false
}

func environ(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return string(b)
}

// leftBelow lists what has run below path, or is the child id itself, since before seq.
func (w *whims) leftBelow(name string, id uint32, before int) (left []string) {
	for i, l := range w.lives {
		if i != id && !strings.HasPrefix(l.name, name+"/") {
			continue
		}
		for n, r := range l.runs {
			if r.since < before {
				left = append(left, fmt.Sprintf("%s.%d (number %d)", l.name, n, i))
			}
		}
	}
	return left
}

// somewhere chooses a supervisor, and one of its children, if it has any.
func (w *whims) somewhere() (sup *supervisor.Supervisor, where string, c supervisor.ChildInfo, children []supervisor.ChildInfo) {
	sup = w.sup
	for {
		children = sup.Children()
		var below []supervisor.ChildInfo
		for _, c := range children {
			w.known(sup.ID(), c)
			if c.Supervisor {
				below = append(below, c)
			}
		}
		if len(below) > 0 && rand.IntN(3) > 0 {
			name := path.Base(below[rand.IntN(len(below))].Name)
			if b, err := sup.Below(name); err == nil {
				sup, where = b, path.Join(where, name)
				continue
			}
		}
		break
	}
	if len(children) > 0 {
		c = children[rand.IntN(len(children))]
	}
	return sup, where, c, children
}

// known checks that a listed child keeps its number.
func (w *whims) known(above uint32, c supervisor.ChildInfo) {
	name := path.Base(c.Name)
	if name[0] != 'l' || name == "ltemp" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := fmt.Sprintf("%d/%s", above, name)
	id, ok := w.names[key]
	if w.deleted[id] || w.deleted[c.ID] {
		c.ID = 0 // whoever has that name now may not be listed
	} else if ok && id != c.ID && id != 0 {
		w.fault("%s was number %d and is %d", c.Name, id, c.ID)
	}
	if !ok || id != 0 {
		w.names[key] = c.ID
	}
}

var whimWhats = []string{"start", "start", "start command", "start supervisor", "start subtree", "start pool",
	"terminate", "terminate", "terminate", "restart", "restart", "restart", "delete", "terminate, delete", "kill", "kill", "replace", "replace", "replace all", "resize",
	"sigkill", "sigkill", "sigkill", "sigkill", "sigterm", "pause", "end", "end", "monitor"}

// disturb does something.
func (w *whims) disturb() {
	sup, where, c, children := w.somewhere()
	what := whimWhats[rand.IntN(len(whimWhats))]
	if strings.HasPrefix(what, "start") && (len(children) > 11 || strings.Count(where, "/") > 1) {
		what = "terminate, delete"
	}
	if what == "terminate, delete" && len(children) <= 8 && rand.IntN(4) > 0 {
		what = "terminate"
	}
	limit := 30 * time.Second
	if rand.IntN(3) == 0 {
		limit = time.Duration(rand.IntN(80)) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	w.mu.Lock()
	began := w.seq
	w.did[what]++
	w.last = append(w.last, fmt.Sprintf("[%d] %s %s of %q, %v", w.seq, what, c.Name, where, limit))
	if strings.Contains(what, "delete") {
		w.deleted[c.ID] = true
	}
	w.mu.Unlock()
	ref := actor.Ref[Whim]{ID: c.ID}
	switch what {
	case "sigkill", "sigterm":
		if c.PID > 0 && c.PID != os.Getpid() {
			_ = syscall.Kill(c.PID, map[string]syscall.Signal{"sigkill": syscall.SIGKILL, "sigterm": syscall.SIGTERM}[what])
		}
	case "pause":
		if c.PID > 0 && c.PID != os.Getpid() && syscall.Kill(c.PID, syscall.SIGSTOP) == nil {
			dawdle(40)
			_ = syscall.Kill(c.PID, syscall.SIGCONT)
		}
	case "end":
		if c.ID != 0 {
			how := []string{"stop", "shutdown", "exit 0", "exit 3", "panic", "slow"}
			_ = actor.Tell(ctx, ref, WhimEnd{How: how[rand.IntN(len(how))]})
		}
	case "monitor":
		if ch, _, err := actor.Monitor(ctx, ref); err == nil {
			w.mu.Lock()
			w.notices = append(w.notices, whimNotice{ref, ch, w.seq})
			w.mu.Unlock()
		}
	default:
		w.order(ctx, limit, sup, where, what, c, began)
	}
	dawdle(20)
}

// order gives an order, itself or by an operator, and judges its outcome.
func (w *whims) order(ctx context.Context, limit time.Duration, sup *supervisor.Supervisor, where, what string, c supervisor.ChildInfo, began int) {
	if c.ID == 0 && !strings.HasPrefix(what, "start") {
		return
	}
	if rand.IntN(6) == 0 {
		if op, err := supervisor.Find(w.sup, whim, "lop"); err == nil {
			_, _ = actor.Ask(ctx, op, WhimOrder{Path: where, What: what, ID: c.ID})
			return
		}
	}
	start := time.Now()
	name := "" // any
	if c.ID != 0 && path.Base(c.Name)[0] == 'l' && rand.IntN(6) == 0 {
		name = path.Base(c.Name) // which is taken
	}
	err := whimOrder(ctx, sup, what, name, c.ID)
	if d := time.Since(start); d > limit+5*time.Second || errors.Is(err, context.DeadlineExceeded) && limit == 30*time.Second && w.ctx.Err() == nil {
		w.mu.Lock()
		w.fault("%s %s of %q took %v: %v", what, c.Name, where, d, err)
		w.mu.Unlock()
	}
	if err != nil && !w.allowed(what, err) {
		w.mu.Lock()
		w.fault("%s %s of %q: %v", what, c.Name, where, err)
		w.mu.Unlock()
	}
	if what == "terminate" && err == nil {
		w.mu.Lock()
		if left := w.leftBelow(c.Name, c.ID, began); len(left) > 0 {
			w.fault("%s was terminated since %d, and there is left: %v", c.Name, began, left)
		}
		w.mu.Unlock()
	}
}

// allowed says whether an order may fail like that.
func (w *whims) allowed(what string, err error) bool {
	switch {
	case expected(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, supervisor.ErrIgnored), errors.As(err, new(*supervisor.PresentError)),
		errors.Is(err, supervisor.ErrSimple), errors.Is(err, supervisor.ErrReplacing), errors.Is(err, supervisor.ErrResizing), errors.As(err, new(*supervisor.ReplaceError)),
		errors.Is(err, errors.ErrUnsupported), errors.Is(err, supervisor.ErrEnded):
		return true
	}
	for _, s := range []string{"is not a pool", "template", "cannot be killed", "belong to this process"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// everybody lists all children, and says what is not as it should be in the end.
func (w *whims) everybody(sup *supervisor.Supervisor, where string, revive bool, found map[uint32]supervisor.ChildInfo) (wrong []string) {
	children := sup.Children()
	for _, c := range children {
		found[c.ID] = c
		w.known(sup.ID(), c)
		if where != "" && !strings.HasPrefix(c.Name, where+"/") || path.Base(c.Name) != path.Base(c.Name) {
			wrong = append(wrong, fmt.Sprintf("%q is below %q", c.Name, where))
		}
		if c.State == "stopped" && revive {
			ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
			err := sup.Restart(ctx, c.ID)
			cancel()
			if errors.Is(err, supervisor.ErrSimple) {
				err = nil
			}
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: restart: %v", c.Name, err))
			}
			continue
		}
		if c.State != "running" {
			wrong = append(wrong, fmt.Sprintf("%s is %s", c.Name, c.State))
			continue
		}
		below, err := w.sup.Below(c.Name)
		if !c.Supervisor {
			var ref actor.Ref[Whim]
			ref, err = supervisor.Find(w.sup, whim, c.Name)
			if err != nil {
				ref, err = supervisor.Find(w.sup, whimInPlace, c.Name)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "does not run the actor") || !strings.HasSuffix(c.Name, "lcmd") && path.Base(c.Name)[0] != 'd' && path.Base(c.Name) != "la" {
					wrong = append(wrong, err.Error())
				}
				continue
			}
			if ref.ID != c.ID && !strings.Contains(c.Name, "lany/") {
				wrong = append(wrong, fmt.Sprintf("%s: number %d, found %d", c.Name, c.ID, ref.ID))
			}
			ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
			m, err := actor.Ask(ctx, actor.Ref[Whim]{ID: c.ID}, WhimSelf{})
			cancel()
			if err != nil || m.PID != c.PID || m.Incarnation != c.Incarnation {
				wrong = append(wrong, fmt.Sprintf("%+v answers %+v, %v", c, m, err))
			}
			continue
		}
		if err != nil || below.ID() != c.ID {
			wrong = append(wrong, fmt.Sprintf("%s: Below: %v", c.Name, err))
			continue
		}
		wrong = append(wrong, w.everybody(below, c.Name, revive, found)...)
	}
	n := sup.Count()
	var want supervisor.Counts
	for _, c := range children {
		want.Specs++
		want.Active++
		if c.Supervisor {
			want.Supervisors++
		} else {
			want.Workers++
		}
	}
	if n.Specs != want.Specs && path.Base(where) != "lany" || n.Active > want.Active || n.Supervisors != want.Supervisors || n.Workers != want.Workers {
		wrong = append(wrong, fmt.Sprintf("%q has %d children: %+v", where, len(children), n))
	}
	return wrong
}

// settle waits until everything runs, and checks that what is told about it is true.
func (w *whims) settle() {
	if err := os.WriteFile(filepath.Join(w.dir, "calm"), nil, 0o600); err != nil {
		w.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for good := 0; good < 2; {
		found := map[uint32]supervisor.ChildInfo{}
		wrong := w.everybody(w.sup, "", time.Now().Before(deadline), found)
		if wrong = append(wrong, w.compare(found)...); len(wrong) == 0 {
			good++
			continue
		}
		good = 0
		if time.Now().After(deadline) {
			w.mu.Lock()
			w.fault("it does not settle: %s", strings.Join(wrong, "\n"))
			w.mu.Unlock()
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	_ = os.Remove(filepath.Join(w.dir, "calm"))
}

// compare compares Children with the events and with the processes that there are.
func (w *whims) compare(found map[uint32]supervisor.ChildInfo) (wrong []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pids := map[int]bool{}
	for id, l := range w.lives {
		c, ok := found[id]
		if n := len(l.runs); n > 1 || n > 0 && !ok || n == 0 && ok && c.State == "running" {
			wrong = append(wrong, fmt.Sprintf("number %d, %s, by the events %d run: %+v", id, l.name, n, c))
			continue
		}
		for n, r := range l.runs {
			if n != c.Incarnation || r.pid != c.PID && r.pid != 0 || !r.ready {
				wrong = append(wrong, fmt.Sprintf("number %d, by the events %+v: %+v", id, r, c))
			}
		}
		pids[c.PID] = true
	}
	for id, c := range found {
		if w.lives[id] == nil {
			wrong = append(wrong, fmt.Sprintf("no events of %+v", c))
		}
	}
	for _, pid := range withEnv(whimVar + "=" + w.dir) {
		if !pids[pid] && pid != os.Getpid() && !pids[parentOf(pid)] {
			wrong = append(wrong, fmt.Sprintf("process %d belongs to nobody", pid))
		}
	}
	return wrong
}

// TestWhims: three operators, one of them an actor now and then, start, stop, restart, replace,
// resize and delete children everywhere in a tree of supervisors with every strategy, in
// place and in processes of their own, while processes are killed and stopped, and starts
// fail. The events of each child come in an order that makes sense, a command is answered,
// a listed child keeps its number, and when it is calm again, what Children, Count, Find and
// the events say is what there is.
func TestWhims(t *testing.T) {
	rounds := testutil.Rounds(0, 20)
	if rounds == 0 {
		t.Skip("a long sweep: " + testutil.LongVariable + "=1")
	}
	testutil.Threads(t, 512)
	testutil.Audit(t)
	for range rounds {
		whimRound(t, 4)
		if t.Failed() {
			return
		}
	}
}

func whimRound(t *testing.T, times int) {
	w := &whims{T: t, dir: t.TempDir(), lives: map[uint32]*whimLife{}, did: map[string]int{}, names: map[string]uint32{}, deleted: map[uint32]bool{}}
	t.Setenv(whimVar, w.dir)
	if err := os.WriteFile(filepath.Join(w.dir, "calm"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spec := whimRoot()
	spec.Pace.Every, spec.Log, spec.OnEvent = supervisor.Unpaced, quiet, w.event
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	sup, err := supervisor.New(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer sup.Shutdown()
	w.sup, w.ctx = sup, sup.Context(ctx)
	_ = os.Remove(filepath.Join(w.dir, "calm"))
	for range times {
		var all sync.WaitGroup
		stop := time.Now().Add(time.Duration(500+rand.IntN(4000)) * time.Millisecond)
		for range 3 {
			all.Go(func() {
				for time.Now().Before(stop) && w.ctx.Err() == nil {
					w.disturb()
				}
			})
		}
		all.Wait()
		w.settle()
		if len(w.faults) > 0 {
			break
		}
	}
	sup.Shutdown()
	for _, n := range w.notices {
		select {
		case <-n.ch:
		case <-time.After(2 * time.Second):
			w.fault("a monitor of number %d, placed at %d, gives no notice", n.ref.ID, n.placed)
		}
	}
	for id, l := range w.lives {
		for n := range l.runs {
			w.fault("after Shutdown, by the events, %s.%d (number %d) runs", l.name, n, id)
		}
	}
	for _, pid := range withEnv(whimVar + "=" + w.dir) {
		if pid != os.Getpid() {
			w.fault("after Shutdown, process %d is there", pid)
		}
	}
	if len(w.faults) > 0 {
		for i, e := range w.events {
			t.Log(i+1, e.ID, e)
		}
		t.Errorf("after %s: %d faults: %s", strings.Join(w.last, ", "), len(w.faults), strings.Join(w.faults[:min(20, len(w.faults))], "\n"))
	}
	t.Logf("%d events, %d monitors, %v", len(w.events), len(w.notices), w.did)
}
