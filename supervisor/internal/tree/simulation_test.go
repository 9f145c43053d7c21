package tree

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestSimulation gives machines random histories over invented processes, and
// checks what must always hold; see world. With UNDERSTUDY_LONG=1 it is a
// million of them. First come those that have found something.
func TestSimulation(t *testing.T) {
	n := testutil.Rounds(2000, 1_000_000)
	var seen coverage
	for i := range uint64(n) {
		seed := i
		if i < uint64(len(foundBy)) {
			seed = foundBy[i]
		}
		w := newWorld(seed)
		if err := w.run(); err != nil {
			for _, h := range w.history {
				t.Log(h)
			}
			t.Fatalf("seed %d, %+v: %v", seed, w.c, err)
		}
		seen.add(w)
	}
	t.Logf("%d histories: %+v", n, seen)
	if seen.TakeOvers == 0 || seen.GivenUp == 0 || seen.LateAbandons == 0 || seen.DeadHeirs == 0 {
		t.Errorf("the histories do not reach every end of a replacement: %+v", seen)
	}
	if seen.GroupStops == 0 || seen.Exceeded == 0 || seen.Auto == 0 || seen.Backoffs == 0 || seen.FailedStarts == 0 || seen.InitFailed == 0 {
		t.Errorf("the histories do not reach everything: %+v", seen)
	}
}

// foundBy are seeds of histories that once went wrong: a Terminate during a
// group's stop for a delay, whose caller waited for ever.
var foundBy = []uint64{83933}

// coverage counts what the histories have met.
type coverage struct {
	Spawns, GroupStops, Exceeded, Auto, Backoffs, FailedStarts, InitFailed, Ignored int
	replacements
}

func (c *coverage) add(w *world) {
	o := w.seen
	c.replacements.add(o.replacements)
	c.Spawns, c.GroupStops, c.Exceeded, c.Auto = c.Spawns+o.Spawns, c.GroupStops+o.GroupStops, c.Exceeded+o.Exceeded, c.Auto+o.Auto
	c.Backoffs, c.FailedStarts, c.InitFailed, c.Ignored = c.Backoffs+o.Backoffs, c.FailedStarts+o.FailedStarts, c.InitFailed+o.InitFailed, c.Ignored+o.Ignored
}

// world is a machine, its invented processes, and a model of the rules that is
// written down differently: it knows of each child only what it has seen.
type world struct {
	rand    *rand.Rand
	m       *Machine
	c       Config
	now     time.Duration
	kids    map[uint32]*kid
	order   []uint32 // of the admissions: what is stopped last comes first
	due     []due    // Retries on their way
	calls   map[uint64]bool
	byHand  map[uint64]uint32 // calls that start a child which nobody has terminated since
	counted []time.Duration   // restarts that were allowed
	subject uint32            // whose restart is going on
	ended   bool
	ending  bool
	up      bool
	lastID  uint32
	call    uint64
	seen    coverage
	history []string
	err     error
}

// kid is what the world has seen of a child.
type kid struct {
	spec        ChildSpec
	incarnation uint32
	alive       bool
	ready       bool
	stopping    bool
	wasReady    bool
	last        Reason
	terminated  bool          // by hand, and not started by hand since
	undone      bool          // terminated so that it is forgotten
	notBefore   time.Duration // its backoff
	issued      uint32        // the highest incarnation
	heir        heir          // its successor, while there is one
}

type due struct {
	id uint32
	at time.Duration
}

func newWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 7))
	c := Config{Strategy: Strategy(r.IntN(4)), Intensity: r.IntN(5), Period: time.Duration(1+r.IntN(10)) * time.Second, Random: r.Float64}
	if c.Strategy != SimpleOneForOne {
		c.AutoShutdown = AutoShutdown(r.IntN(3))
	}
	if r.IntN(2) == 0 {
		c.Pacer = NewPacer(Pace{Burst: 1, Every: time.Duration(1+r.IntN(1000)) * time.Millisecond})
	}
	return &world{rand: r, m: New(c), c: c, kids: map[uint32]*kid{}, calls: map[uint64]bool{}, byHand: map[uint64]uint32{}}
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *world) run() error {
	w.init()
	for range 80 {
		w.now += time.Duration(w.rand.IntN(1500)) * time.Millisecond
		w.event()
		if w.err != nil {
			return w.err
		}
	}
	w.quiet()
	w.handle(Shutdown{})
	for i := 0; !w.ended && w.err == nil; i++ {
		if i > 1000 || len(w.living()) == 0 && len(w.heirs()) == 0 {
			return fmt.Errorf("stuck: %d processes alive, state %+v", len(w.living()), w.m)
		}
		w.progress(w.rand.IntN(2) == 0)
	}
	if w.err == nil && len(w.living())+len(w.heirs())+len(w.calls)+len(w.kids) > 0 {
		w.fail("ended with %d processes, %d callers, %d children", len(w.living()), len(w.calls), len(w.kids))
	}
	return w.err
}

// quiet lets everything succeed that is going on. Then no child may be left
// between two states.
func (w *world) quiet() {
	for i := 0; i < 2000 && w.err == nil && !w.ended; i++ {
		w.now += 20 * time.Second // so that the window forgets
		if len(w.living()) == 0 && len(w.heirs()) == 0 && len(w.due) == 0 {
			break
		}
		if !w.progress(true) {
			break
		}
	}
	if w.ended || w.ending || w.err != nil {
		return
	}
	for _, c := range w.m.Children() {
		if c.State != Running && c.State != Stopped {
			w.fail("everything is quiet, and %d is %v", c.ID, c.State)
		}
		if w.kids[c.ID].undone {
			w.fail("everything is quiet, and %d was undone, and is known", c.ID)
		}
	}
	if len(w.calls) > 0 {
		w.fail("everything is quiet, and %d callers wait", len(w.calls))
	}
}

func (w *world) newKid() Add {
	w.lastID++
	s := ChildSpec{Name: fmt.Sprint(w.lastID), Restart: Restart(w.rand.IntN(3)), BrutalKill: w.rand.IntN(4) == 0}
	if w.c.AutoShutdown != Never && s.Restart != Permanent {
		s.Significant = w.rand.IntN(3) == 0
	}
	if w.rand.IntN(4) == 0 {
		s.Backoff = Backoff{Min: time.Duration(1+w.rand.IntN(900)) * time.Millisecond, Jitter: 0.3}
		if s.Backoff.suits(w.c) != nil {
			s.Backoff = Backoff{}
		}
	}
	w.kids[w.lastID] = &kid{spec: s}
	return Add{ID: w.lastID, Spec: s}
}

func (w *world) init() {
	var in Init
	if w.c.Strategy != SimpleOneForOne {
		for range w.rand.IntN(4) {
			in.Children = append(in.Children, w.newKid())
		}
	}
	w.handle(in)
}

func (w *world) nextCall() uint64 {
	w.call++
	w.calls[w.call] = true
	return w.call
}

// event does one random thing.
func (w *world) event() {
	switch w.rand.IntN(13) {
	case 0, 1:
		a := w.newKid()
		a.Call = w.nextCall()
		w.byHand[a.Call] = a.ID
		w.handle(a)
	case 2:
		if id := w.anyKid(); id > 0 && w.rand.IntN(3) == 0 {
			w.kids[id].terminated = true
			group := w.c.Strategy == OneForAll || w.c.Strategy == RestForOne // others may wait for it
			maps.DeleteFunc(w.byHand, func(_ uint64, of uint32) bool { return of == id || group })
			in := Terminate{Call: w.nextCall(), ID: id, Forget: w.rand.IntN(4) == 0}
			w.kids[id].undone = w.kids[id].undone || in.Forget
			w.handle(in)
		}
	case 3:
		if id := w.anyKid(); id > 0 {
			if c, _ := w.m.Child(id); c.State == Stopped && !w.ending && w.c.Strategy != SimpleOneForOne {
				w.kids[id].terminated, w.kids[id].last = false, Abnormal
			}
			call := w.nextCall()
			w.byHand[call] = id
			w.handle(RestartChild{call, id})
		}
	case 4:
		if id := w.anyKid(); id > 0 && w.rand.IntN(3) == 0 {
			w.handle(Delete{w.nextCall(), id})
		}
	case 5:
		if w.rand.IntN(60) == 0 {
			w.handle(Shutdown{})
		}
	case 6, 7:
		if id := w.anyKid(); id > 0 {
			w.handle(Replace{w.nextCall(), id})
		}
	default:
		w.progress(false)
	}
}

func (w *world) anyKid() uint32 {
	if len(w.order) > 0 {
		return w.order[w.rand.IntN(len(w.order))]
	}
	return 0
}

// living is the children with a process, in order.
func (w *world) living() (ids []uint32) {
	for id := uint32(1); id <= w.lastID; id++ {
		if k := w.kids[id]; k != nil && k.alive {
			ids = append(ids, id)
		}
	}
	return ids
}

// progress lets a process or a retry do its next thing, and says whether there
// was one. kindly lets nothing fail.
func (w *world) progress(kindly bool) bool {
	if len(w.due) > 0 && w.rand.IntN(2) == 0 {
		d := w.due[0]
		w.due = w.due[1:]
		w.now = max(w.now, d.at)
		w.handle(Retry{d.id})
		return true
	}
	if hs := w.heirs(); len(hs) > 0 && w.rand.IntN(2) == 0 && w.heirStep(hs[w.rand.IntN(len(hs))], kindly) {
		return true
	}
	ids := w.living()
	if len(ids) == 0 {
		return len(w.due)+len(w.heirs()) > 0
	}
	var able []uint32
	for _, id := range ids {
		if k := w.kids[id]; !kindly || k.stopping || !k.ready || k.heir.committed {
			able = append(able, id)
		}
	}
	if len(able) == 0 {
		return len(w.due)+len(w.heirs()) > 0
	}
	id := able[w.rand.IntN(len(able))]
	k := w.kids[id]
	switch {
	case !k.ready && !k.stopping && w.rand.IntN(12) == 0:
		w.seen.Ignored++
		w.dead(k, Normal)
		w.handle(Ignored{id, k.incarnation})
	case k.stopping || k.heir.committed || !kindly && w.rand.IntN(4) == 0:
		if !k.ready {
			w.seen.FailedStarts++
		}
		r := Reason(w.rand.IntN(6))
		w.dead(k, r)
		w.handle(Exited{id, k.incarnation, r})
	case !k.ready:
		k.ready, k.wasReady = true, true
		w.handle(Ready{id, k.incarnation})
	}
	return true
}
