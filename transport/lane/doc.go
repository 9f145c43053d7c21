// Package lane joins a queue, two pages and a notifier into the path from one
// sending process to one receiving actor.
//
//	sending process                               receiving process
//	┌──────────── Out ─────────────┐   reads      ┌──────────── In ──────────────┐
//	│ send page: tail, bell, state │ ───────────► │ Take · Begin · End · Release │
//	│ cells, cancelled asks        │              │                              │
//	│                              │   reads      │ receive page: head, in hand, │
//	│ Reserve · Commit · Install   │ ◄─────────── │ bell, state, reply slots     │
//	└──────────────────────────────┘              └──────────────────────────────┘
//
// Each page has one writer; the other side maps it read-only, and the kernel
// enforces that. A send page lives as long as the sending process. A receive page
// belongs to one incarnation of the receiver: the next incarnation makes another,
// which Install puts in the old one's place.
//
// A change is announced in three steps: store the word, change the bell, and wake
// the other process if its state says that it sleeps. A process that goes to sleep
// sets its state first and then looks at all bells once more. So no change is
// missed, and two processes that are awake make no system call.
//
// The forms of queues are one table, in form.go. A ring is in the send page; any
// other form is in the kernel and has a descriptor. Probe says which forms this
// machine allows, and why not the others.
//
// [Remains] is what the pages tell of a receiver that has died: which entry it had in
// hand, and where its successor goes on.
//
// The package does not lock: an Out is used under its mailbox's lock, an In by
// its actor's goroutine. Methods that others may call say so.
package lane
