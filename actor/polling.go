package actor

import "github.com/understudy-go/understudy/actor/internal/node"

// SetPolling sets whether actors of this process that wait for a message, a reply or
// lent memory may poll for up to 0.1 ms before they sleep, and returns the previous
// setting. By default they may, unless the environment variable UNDERSTUDY_SPIN is
// "off" when the process starts, or the process may use only one processor.
//
// The library stops polling by itself where it does not pay. SetPolling is for a
// program that knows better, for a phase of its work or for good: polling makes quick
// answers arrive sooner, but uses a processor in the meantime. It affects no other
// process. Any goroutine may call it at any time; waits that have begun are not
// affected.
func SetPolling(on bool) (was bool) { return node.SetPolling(on) }
