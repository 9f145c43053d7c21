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
// A Keeper is state and rules without goroutines: the supervisor's loop calls
// it, and it answers by frames that it hands to the processes' queues. It
// knows no Go type of a message. It judges memory that others write only
// after they are dead; for a watchdog it looks at pages of the living. Either way
// it believes no number in it.
package keeper
