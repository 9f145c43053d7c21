// Package keeper holds the mailboxes of a program: the descriptors of every
// lane, so that what is queued for a dead process outlives it.
//
//	sender ── Open: page ──► ┌────────────────────────┐ ── Lane: page, start ──► receiver
//	       ◄── Page ──────── │ lane {from, to}        │ ◄── Page: its own ─────
//	                         │   send page, segments  │
//	     death of receiver:  │   last receive page    │   the successor gets the lane
//	     what was in hand?   │   start, charge        │   and the first sequence to handle
//	                         └────────────────────────┘
//
// A Keeper is state and rules without goroutines: the supervisor's loop calls it, and
// it answers with frames that it passes to the processes' queues. It knows no Go type
// of a message. It judges memory that other processes write only after they are dead;
// only for watchdogs does it look at the pages of live ones. Either way it trusts no
// number in that memory.
//
// The files, by what they are about:
//
//	messages   lane.go, segments.go (what is kept of a lane) · handle.go (a descriptor with several owners) · unread.go
//	actors     keeper.go (every frame comes in by Frame) · child.go (the mailbox) · pool.go (and groups) · monitor.go, link.go
//	ends       death.go (what was in hand, what is left) · memory.go, map_linux.go (a dead process's memory)
//	           drain.go (no new messages for one that will end) · replace.go (a successor) · past.go (what is forgotten)
//	bounds     backlog.go (of a sender that dies again and again) · bounds.go (of what a process asks for) · progress.go (for watchdogs)
package keeper
