// Package notify puts a process to sleep until one of its peers has something
// for it, and wakes peers that sleep.
//
//	        "futex"                              "eventfd"
//	Wait: one thread in futex_waitv      Wait: a goroutine on a channel
//	   │        │        │       │            ▲        ▲          ▲
//	  bell     bell    bell   private         │        │          │ Interrupt
//	 (peer's pages, read-only)  word       eventfd  eventfd       │
//	                                        watched by package poll
//
// A bell is a word that a peer changes whenever there is something to see. A process
// that goes to sleep arms (it says so in its own state word), looks at all bells once
// more, and calls Wait. A peer stores, changes its bell, and calls Wake only if the
// state says armed. So nothing is missed, and a process that is awake costs its peers no
// system call.
//
// The futex form sleeps on the bells themselves: in one step, the kernel compares each
// with the value that was seen and puts the thread to sleep. It costs one thread and no
// descriptor, needs Linux 5.16 and takes up to [MaxBells] bells. The eventfd form costs
// no thread but a descriptor for each peer; with Park it costs no goroutine either. Each
// peer has its own eventfd, so it can neither consume nor hide the wake-ups of another.
// The forms mix: a peer that gave an eventfd is woken through that, any other through
// the word.
//
// Guarantees: no wake-up that follows a change of a bell or an Interrupt is lost; Wait
// allocates nothing; after Close no goroutine and no descriptor is left. Non-goals:
// fairness, counting (a Wait may return once for many wakes, or without any), spinning
// before sleep (the caller's choice).
package notify
