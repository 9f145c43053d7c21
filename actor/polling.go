package actor

import "github.com/understudy-go/understudy/actor/internal/node"

// SetPolling says whether actors of this process that wait for a message, a reply
// or lent memory may look for it for up to 0.1 ms before they sleep, and returns
// what held before. They may, unless the environment variable UNDERSTUDY_SPIN is "off" when
// the process starts, or it may use one processor only.
//
// The library itself gives up polling where it does not pay. This is for a
// program that knows better, in some phase of its work or for good: polling
// makes an answer that comes soon come sooner, and uses a processor meanwhile.
// It concerns no other process. Any goroutine may call it at any time; waits that
// have begun go on as they were.
func SetPolling(on bool) (was bool) { return node.SetPolling(on) }
