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
	Bells int // that were given
	Limit int // MaxBells
}

func (e *TooManyBellsError) Error() string {
	return fmt.Sprintf("notify: %d bells are over the limit of %d words of futex_waitv; use the form eventfd", e.Bells, e.Limit)
}

// Best returns the futex form if the kernel has futex_waitv, and otherwise the
// eventfd form with the reason. A process that will have more than MaxBells
// peers must choose the eventfd form itself, at its start: peers that know no
// eventfd of it cannot wake it later. When no form works at all, n is nil and
// reason says why.
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

// changed says whether one of the bells is not what was seen.
func changed(bells []transport.Bell) bool {
	for i := range bells {
		if bells[i].Word.Load() != bells[i].Seen {
			return true
		}
	}
	return false
}

// Yield lets other processes run on this core, if any wait for it: whoever
// polls a peer calls it now and then, since the peer may be one of them.
func Yield() { sys.Yield() }

// CPU is the number of the processor that this thread is on, plus one; 0 means
// unknown. It is a system call.
func CPU() uint32 { return sys.CPU() }

// LeaveCPU moves this thread to another processor, if it may use one: for who
// shares one with its peer while others are free, where the kernel does not look for
// these when it wakes a thread. It says whether it did.
func LeaveCPU() bool { return sys.LeaveCPU() }

// Pause waits for about a microsecond without a look at any memory: the lines
// that peers write stay with them meanwhile.
func Pause() { cpu.Pause(pauseTurns) }

const pauseTurns = 50
