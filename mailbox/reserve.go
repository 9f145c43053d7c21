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

// A payload that is not lent is copied into memory that its handler owns, and
// nobody but the collector can tell when that is free again. A small heap is
// collected after every 4 MB, which is four messages of 1 MiB, and a collection
// takes longer than they do where another process wants the processor that its
// threads run on. So a process that receives many such payloads holds memory
// that it never touches, so that it is not resident: the collector takes the
// heap for larger than it is, and comes after as many bytes more.
//
//	none ── so many bytes in large payloads ──► held ── a collection, since the last
//	  ▲                                          │       of which few came
//	  └──────────────────────────────────────────┘

const (
	bulky        = 64 << 10             // bytes of a payload that counts
	reserveBytes = 32 << 20             // what is held, and how many more the heap may grow
	leastLimit   = 16 * reserveBytes    // a process with less memory than that holds none
	reserveVar   = "UNDERSTUDY_RESERVE" // "off": never
)

// reserve is memory that is held and not used.
type reserve struct {
	off     bool
	arrived atomic.Int64 // bytes of large payloads since it was held, dropped or refused, or since the last collection
	held    atomic.Bool
	memory  strings.Builder // its room. Whoever sets held may write it
}

// spare is this process's.
var spare = reserve{off: os.Getenv(reserveVar) == "off"}

// came counts a payload of n bytes.
func (r *reserve) came(n int) {
	if r.arrived.Add(int64(n)) >= reserveBytes && !r.held.Load() && !r.off {
		r.hold()
	}
}

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
	// Room of a Builder is not cleared, which would make it resident.
	r.memory.Grow(n)
	w := &watch{r: r}
	runtime.SetFinalizer(w, (*watch).collected)
}

// watch is garbage, which every collection finds.
type watch struct{ r *reserve }

func (w *watch) collected() {
	r := w.r
	if r.arrived.Swap(0) >= reserveBytes/4 {
		runtime.SetFinalizer(w, (*watch).collected)
		return
	}
	r.memory.Reset()
	r.held.Store(false)
}

// reserveSize is how many bytes to hold so that the collector comes after
// reserveBytes more, or 0: whoever has limited this process's memory, or has
// switched the collector off, has said what the heap may take.
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
