// Package shared provides memory that the processes of a program read and write
// together, and the means to coordinate that: a mutex, a semaphore, a condition
// variable, an event with a value, and a limit on holders. Messages need none of
// it. It is for data that users keep in shared memory themselves.
//
//	creator: Create ── File, in a message or at a start ──► Open: any number of others
//
//	Memory (a memfd whose size is sealed; every party maps it read-write)
//	┌──────────── header, 4096 bytes ────────────┬───────── Bytes ──────────┐
//	│ magic · sizes · next party · pids · views  │ your struct, by View[T]  │
//	└────────────────────────────────────────────┴──────────────────────────┘
//
// # The words
//
// Each is a field of the user's struct, ready to use when zero. Any party can write
// any of them, by compare-and-swap; the right column says who may.
//
//	MutexWord      31 waiting | 30 died | 29 lost | 28..0 owner
//	                 owner:   party that holds it, 0 nobody    0 → p by p; p → 0 by p; p → q by q when p is dead
//	                 died:    an owner died since the last MarkConsistent    set by its successor
//	                 lost:    a successor unlocked without MarkConsistent    for ever
//	                 waiting: a waiter may sleep, so Unlock has to wake it
//	SemaphoreWord  31 waiting | 30..0 permits               - by Acquire, + by Release
//	CondWord       31..1 number of signals | 0 waiting      + by Signal, Broadcast
//	EventWord[T]   30 set | 28..0 party that sets, and T    once, by the first Set
//	LimitWord      bell, limit, 62 × party that holds       0 → p by p; p → 0 by p; p → q by q when p is dead
//
// Taking and giving back without contention is one compare-and-swap and no system
// call. A waiter sleeps on the word itself (a shared futex), and blocks a thread:
// one in each process for each Mutex, Semaphore and Limit, and one for each
// goroutine that waits on a Cond or Event.
//
// # How a death is known
//
// Each Memory is a party. Its number is drawn from a counter in the header and never
// used again. As long as the party lives, it holds a lock (fcntl F_OFD_SETLK) on the
// byte of that number in the memory's own file. The kernel drops the lock when the
// last thread of the process has let go of its memory and then of its descriptors,
// and not before. So F_OFD_GETLK tells exactly whether an owner is dead: no process
// number is compared, none can be reused, and no party that is reported dead can
// still be writing. The obvious alternative, the kernel's robust futex list, is worse
// here: it belongs to a thread, goroutines change threads, and a thread that stood
// for the process would be reported dead while other threads of the same killed
// process still run, for some microseconds, in the critical section.
//
// A waiter asks before it sleeps, and again every 10 to 160 ms while it sleeps. These
// pauses decide only how soon a death is noticed, never whether a party is dead. They
// also make up for a wake-up that was lost because the process that had to give it, or
// had just received it, was killed.
//
// # Guarantees
//
// Exactly the next owner learns of an owner's death, by ErrOwnerDied, and holds the
// mutex then. A held slot of a Limit comes back when its holder dies. An Event whose
// setter dies in Set is as if Set was never called. Permits of a Semaphore that a dead
// process had taken are lost: use a Limit where that matters. Two builds that disagree
// about a struct get a *LayoutError.
//
// Non-goals: parties that lie (anyone with the memory can write all of it),
// fairness, priorities, recursive locking, memory that outlives its parties. A party
// is a Memory, not a goroutine: one goroutine may unlock what another of the same
// process has locked.
package shared
