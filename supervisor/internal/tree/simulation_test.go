package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestSimulation gives machines random histories over invented processes, and
// checks what must always hold: never two incarnations of a child alive, stops
// in reverse start order, the window respected, nothing stuck, everything ended
// at the end. With UNDERSTUDY_LONG=1 it is a million of them.
func TestSimulation(t *testing.T) {
	for seed := range uint64(testutil.Rounds(3000, 1_000_000)) {
		w := newWorld(seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v\n%v", seed, err, w.history)
		}
	}
}

// world is a machine and its invented processes.
type world struct {
	rand    *rand.Rand
	m       *Machine
	c       Config
	now     time.Duration
	procs   map[uint32]*proc
	types   map[uint32]Restart
	retries []uint32
	waiting map[uint32]bool // Adds and RestartChilds without an answer
	counted []time.Duration // restarts that were allowed
	ended   bool
	ending  bool
	over    bool // Exceeded was said
	lastID  uint32
	history []string
	err     error
}

type proc struct {
	incarnation uint32
	ready       bool
	stopping    bool
}

func newWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 7))
	c := Config{Strategy: Strategy(r.IntN(3)), Intensity: r.IntN(5), Period: time.Duration(1+r.IntN(10)) * time.Second}
	return &world{rand: r, m: New(c), c: c, procs: map[uint32]*proc{}, types: map[uint32]Restart{}, waiting: map[uint32]bool{}}
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *world) run() error {
	for range 60 {
		w.now += time.Duration(w.rand.IntN(2000)) * time.Millisecond
		w.event()
		if w.err != nil {
			return w.err
		}
	}
	w.handle(Shutdown{})
	for i := 0; !w.ended && w.err == nil; i++ {
		if i > 1000 || !w.anything() {
			return fmt.Errorf("stuck: %d processes alive, state %+v", len(w.procs), w.m)
		}
		w.progress()
	}
	if w.err == nil && len(w.procs)+len(w.waiting) > 0 {
		w.fail("ended with %d processes and %d callers waiting", len(w.procs), len(w.waiting))
	}
	return w.err
}

// event does one random thing.
func (w *world) event() {
	switch w.rand.IntN(10) {
	case 0, 1:
		w.lastID++
		w.types[w.lastID] = Restart(w.rand.IntN(3))
		w.waiting[w.lastID] = true
		w.handle(Add{w.lastID, w.types[w.lastID]})
	case 2:
		if id := w.anyChild(); id > 0 && w.rand.IntN(3) == 0 {
			w.handle(Terminate{id})
		}
	case 3:
		if id := w.anyChild(); id > 0 {
			if st, _ := w.m.State(id); st == Stopped && !w.ending {
				w.waiting[id] = true
				w.handle(RestartChild{id})
			}
		}
	case 4:
		if w.rand.IntN(40) == 0 {
			w.handle(Shutdown{})
		}
	default:
		w.progress()
	}
}

func (w *world) anyChild() uint32 {
	if ids := w.m.Children(); len(ids) > 0 {
		return ids[w.rand.IntN(len(ids))]
	}
	return 0
}

func (w *world) anything() bool { return len(w.procs)+len(w.retries) > 0 }

// progress lets a process or a retry do its next thing.
func (w *world) progress() {
	if len(w.retries) > 0 && w.rand.IntN(2) == 0 {
		id := w.retries[0]
		w.retries = w.retries[1:]
		w.handle(Retry{id})
		return
	}
	ids := make([]uint32, 0, len(w.procs))
	for id := range w.procs {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	id := ids[w.rand.IntN(len(ids))]
	p := w.procs[id]
	switch {
	case p.stopping || w.rand.IntN(4) == 0:
		delete(w.procs, id)
		w.handle(Exited{id, p.incarnation, Reason(w.rand.IntN(3))})
	case !p.ready:
		p.ready = true
		w.handle(Ready{id, p.incarnation})
	}
}

func (w *world) handle(in Input) {
	w.history = append(w.history, fmt.Sprintf("%v %T%+v", w.now, in, in))
	if _, ok := in.(Shutdown); ok {
		w.ending = true
	}
	for _, a := range w.m.Handle(w.now, in) {
		w.history = append(w.history, "    "+text(a))
		w.act(a)
	}
}

func (w *world) act(a Action) {
	switch a.(type) {
	case Refused, Gone, Removed: // answers to commands that come too late
	default:
		if w.ended {
			w.fail("%s after the end", text(a))
		}
	}
	switch a := a.(type) {
	case Spawn:
		if w.procs[a.ID] != nil {
			w.fail("two incarnations of %d", a.ID)
		}
		if w.ending {
			w.fail("a start while ending")
		}
		for id, p := range w.procs {
			if !p.ready && !p.stopping {
				w.fail("%d is started while %d is not ready", a.ID, id)
			}
			if p.stopping {
				w.fail("%d is started while %d is being stopped", a.ID, id)
			}
		}
		w.procs[a.ID] = &proc{incarnation: a.Incarnation}
	case Stop:
		w.stop(a)
	case PostRetry:
		w.count()
		w.retries = append(w.retries, a.ID)
	case Restarting:
		w.count()
	case Started, StartFailed:
		delete(w.waiting, reflectID(a))
	case Gone:
		if p := w.procs[a.ID]; p != nil {
			w.fail("%d is gone and alive", a.ID)
		}
	case Removed:
		delete(w.waiting, a.ID)
	case Refused:
		delete(w.waiting, a.ID)
	case Exceeded:
		if w.over || w.windowed() < w.c.Intensity {
			w.fail("gave up after %d restarts of %d", w.windowed(), w.c.Intensity)
		}
		w.over, w.ending = true, true
	case Ended:
		w.ended = true
	}
}

func reflectID(a Action) uint32 {
	switch a := a.(type) {
	case Started:
		return a.ID
	case StartFailed:
		return a.ID
	}
	return 0
}

// stop checks that a stop comes in its turn: no other child is being stopped,
// and when everything ends, none that was started later is alive.
func (w *world) stop(a Stop) {
	p := w.procs[a.ID]
	if p == nil || p.incarnation != a.Incarnation || p.stopping {
		w.fail("stop of %d.%d, which is not running", a.ID, a.Incarnation)
		return
	}
	order := w.m.Children()
	for id, q := range w.procs {
		if q.stopping {
			w.fail("%d is stopped while %d is", a.ID, id)
		}
		if w.ending && slices.Index(order, id) > slices.Index(order, a.ID) {
			w.fail("%d is stopped before %d, which was started later", a.ID, id)
		}
	}
	p.stopping = true
}

// count checks a restart that was allowed against the window.
func (w *world) count() {
	w.counted = append(w.counted, w.now)
	if n := w.windowed(); n > w.c.Intensity {
		w.fail("%d restarts in %v where %d are allowed", n, w.c.Period, w.c.Intensity)
	}
}

func (w *world) windowed() (n int) {
	for _, at := range w.counted {
		if at >= w.now-w.c.Period {
			n++
		}
	}
	return n
}
