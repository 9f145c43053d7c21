// Package poll waits for many descriptors with one goroutine and no thread.
//
//	Watch ─┐
//	Watch ─┼──► one epoll descriptor ──► the runtime's poller ──► one goroutine
//	Watch ─┘                                                          │
//	   ▲                                                              ▼
//	   └── Again ◄── the owner deals with what is there ◄──────── ready()
//
// A link, a process's end or a pipe has nothing to say most of the time. A
// goroutine that is parked for each of them costs two to four KiB of stack for as
// long as it waits; here each costs a hundred bytes. What has something to say calls its
// function once, and then nothing until Again: so there is one call at a time,
// and whoever needs a goroutine for what follows makes one when there is work.
//
// The epoll descriptor and the goroutine exist while there is a Watch.
//
// Guarantees: nothing that becomes readable between the last look and Again is
// missed; after Stop has returned true, no call is running or will come. Non-goals:
// waiting for room to write, which is rare and has a goroutine of its own.
package poll
