package mailbox

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
)

// A payload that is not lent is copied into memory that its handler owns, and only the
// garbage collector can tell when that is free again. A small heap is collected after
// every 4 MB, that is after four messages of 1 MiB, and a collection takes longer than
// these messages do if another process wants the processors on which its threads run. So
// a process that receives many such payloads holds a reserve: memory that it never
// touches, and which therefore is not resident. The collector takes the heap for larger
// than it is, and runs only after that many more bytes.
//
//	none ── reserveBytes in large payloads ──► held ── a collection with few of them
//	  ▲                                         │       since the one before
//	  └─────────────────────────────────────────┘

const (
	bulky        = 64 << 10             // bytes of the smallest payload that counts
	reserveBytes = 32 << 20             // how many bytes are held, and how much more the heap may grow
	leastLimit   = 16 * reserveBytes    // a process with less memory than this holds no reserve
	reserveVar   = "UNDERSTUDY_RESERVE" // "off": never
)

// reserve is memory that is held and not used.
type reserve struct {
	off     bool
	arrived atomic.Int64 // bytes of large payloads since it was held, dropped or refused, or since the last collection
	held    atomic.Bool
	memory  strings.Builder // its capacity is the reserve; written by whoever has set held
}

// spare is the reserve of this process.
var spare = reserve{off: os.Getenv(reserveVar) == "off"}

// came counts a payload of n bytes.
func (r *reserve) came(n int) {
	if r.arrived.Add(int64(n)) >= reserveBytes && !r.held.Load() && !r.off {
		r.hold()
	}
}

// hold makes the reserve, unless there is one.
func (r *reserve) hold() {
	if !r.held.CompareAndSwap(false, true) {
		return
	}
	r.arrived.Store(0)
	n := reserveSize()
	if n == 0 {
		r.held.Store(false)
		return
	}
	// A Builder does not clear its memory, which would make it resident.
	r.memory.Grow(n)
	w := &watch{r: r}
	runtime.SetFinalizer(w, (*watch).collected)
}

// watch is garbage from the beginning, so that every collection calls its finalizer.
type watch struct{ r *reserve }

// collected is called after a collection. It drops the reserve if few large payloads
// have come since the collection before.
func (w *watch) collected() {
	r := w.r
	if r.arrived.Swap(0) >= reserveBytes/4 {
		runtime.SetFinalizer(w, (*watch).collected)
		return
	}
	r.memory.Reset()
	r.held.Store(false)
}

// reserveSize returns how many bytes to hold so that the collector runs only after
// reserveBytes more. It returns 0 if somebody has limited this process's memory, or
// switched the collector off, and so decided what the heap may take.
func reserveSize() int {
	if limit := debug.SetMemoryLimit(-1); limit < leastLimit || !roomFor(leastLimit) {
		return 0
	}
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	switch percent := s[0].Value.Uint64(); {
	case percent == math.MaxUint64: // off
		return 0
	case percent > 100:
		return int(reserveBytes * 100 / percent)
	}
	return reserveBytes
}
