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
// A bell is a word that one peer changes whenever there is something to see. A
// process arms (it says in its own state word that it is going to sleep), looks
// at all bells once more, and calls Wait. A peer stores, changes its bell, and
// calls Wake only if the state says armed. So nothing is missed, and nobody
// makes a system call to a process that is awake.
//
// The futex form sleeps on the bells themselves: the kernel compares each with the
// value that was seen and goes to sleep in one step. It costs one thread and no
// descriptor, needs Linux 5.16 and takes up to [MaxBells] bells. The eventfd form
// costs no thread, and a descriptor per peer; with Park it costs no goroutine
// either. A peer has its own eventfd, so one peer can neither eat nor hide the
// wake-ups of another. The forms mix: a peer is woken through its eventfd when it
// gave one, and through the word otherwise.
//
// Guarantees: no wake-up is lost that follows a change of a bell or an
// Interrupt; Wait allocates nothing; after Close no goroutine and no
// descriptor is left. Non-goals: fairness, counting (a Wait may return once for
// many wakes, or for none), spinning before sleep (the caller's choice).
package notify
