// Package poll waits for many descriptors with one goroutine and no blocked thread.
//
//	Watch ─┐
//	Watch ─┼──► one epoll descriptor ──► the runtime's poller ──► one goroutine
//	Watch ─┘                                                          │
//	   ▲                                                              ▼
//	   └── Again ◄── the owner deals with what is there ◄──────── ready()
//
// Most of the time a link, a pidfd or a pipe has nothing to read. A goroutine parked
// for each of them would cost two to four KiB of stack as long as it waits; here each
// costs a hundred bytes. A descriptor that becomes readable calls its function once,
// and then not until Again. So there is one call at a time, and an owner that needs a
// goroutine for the work starts one when there is some.
//
// The epoll descriptor and the goroutine exist while there is a Watch.
//
// Guarantees: nothing that becomes readable between the last look and Again is
// missed; after Stop has returned true, no call is running or will come. Non-goals:
// waiting for room to write, which is rare and has a goroutine of its own.
package poll
