package notify

import (
	"fmt"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// MaxBells is the number of bells that the futex form can sleep on: the
// kernel's limit of 128 words less the notifier's own.
const MaxBells = 127

// TooManyBellsError says that Wait of the futex form got more bells than the
// kernel takes. The eventfd form has no such limit.
type TooManyBellsError struct {
	Bells int // how many were given
	Limit int // MaxBells
}

func (e *TooManyBellsError) Error() string {
	return fmt.Sprintf("notify: %d bells are over the limit of %d words of futex_waitv; use the form eventfd", e.Bells, e.Limit)
}

// Best returns the futex form if the kernel has futex_waitv, and otherwise the eventfd
// form and the reason. A process that will have more than MaxBells peers must itself
// choose the eventfd form at its start: a peer that was given no eventfd cannot wake the
// process through one later. If no form works at all, n is nil and reason says why.
func Best() (n transport.Notifier, reason error) {
	n, err := NewFutex()
	if err == nil {
		return n, nil
	}
	n, err2 := NewEventfd()
	if err2 != nil {
		return nil, fmt.Errorf("notify: no form works: %w; %w", err, err2)
	}
	return n, err
}

// changed reports whether one of the bells has changed since it was seen.
func changed(bells []transport.Bell) bool {
	for i := range bells {
		if bells[i].Word.Load() != bells[i].Seen {
			return true
		}
	}
	return false
}

// Yield lets other processes run on this core, if any wait for it. A process that polls
// a peer calls it now and then, since the peer may be one of them.
func Yield() { sys.Yield() }

// CPU returns the number of the processor that this thread is on, plus one; 0 means
// unknown. It makes a system call.
func CPU() uint32 { return sys.CPU() }

// LeaveCPU moves this thread to another processor, if it may use one, and reports
// whether it did. It is for a thread that shares a processor with its peer while others
// are free, if the kernel does not look for a free one when it wakes a thread.
func LeaveCPU() bool { return sys.LeaveCPU() }

// Pause waits for about a microsecond without reading memory, so that the cache lines
// that peers write stay with them.
func Pause() { cpu.Pause(pauseTurns) }

const pauseTurns = 50
