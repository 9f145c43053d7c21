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
package keeper
