// Package node is one process's part in a program: its link to the supervisor, its
// lanes to other mailboxes, its own mailbox, and the one place where it sleeps. It sees
// messages as bytes with a type identity; package actor adds the types.
//
//	      link reader                       waiter (one at a time)
//	frames from the supervisor        polls all bells, sleeps on all bells
//	new lanes, pages, deaths                  │
//	          │                    ┌──────────┼───────────┐
//	          ▼                    ▼          ▼           ▼
//	       tables ◄──────────── actor loop   askers   senders that wait
//	                            (handlers)            for room
//
// The right to wait is a role that one goroutine holds: the actor's loop when it has
// nothing to do, or an asker that finds nobody waiting. The holder looks at all bells and
// wakes the other goroutines when something is for them. So a process has at most one
// sleeping thread, and a goroutine that finds its own message or reply continues with it
// directly.
//
// The files, by what they are about:
//
//	out      target.go (the way to an actor) · room.go (waits for room) · pool.go (which member) · sets.go (to several) · ask.go (answers)
//	in       control.go (frames, lanes, segments) · pump.go (the actor's loop) · reply_room.go · absent.go (what comes later) · cancel.go
//	waiting  await.go (the role) · spin.go (polling before sleep) · park.go (without a goroutine) · trim.go, freshen.go
//	the end  monitor.go, link.go (notices) · handover.go (a replacement) · bury.go (unmapping)
//
// Several nodes can live in one OS process (tests run actors in place); they
// share nothing.
package node
