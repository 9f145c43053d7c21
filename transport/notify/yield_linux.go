package notify

import (
	"github.com/understudy-go/understudy/transport/internal/cpu"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Yield lets other processes run on this core, if any wait for it: whoever
// polls a peer calls it now and then, since the peer may be one of them.
func Yield() { sys.Yield() }

// Pause waits for about a microsecond without a look at any memory: the lines
// that peers write stay with them meanwhile.
func Pause() { cpu.Pause(pauseTurns) }

const pauseTurns = 50
