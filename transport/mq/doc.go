// Package mq is the queue form "posix": a POSIX message queue, which the
// kernel holds.
//
//	sender                kernel                 receiver
//	buffer ── mq_send ──► ┌──┬──┬──┐ ──mq_receive──► Taken, in the receiver's
//	                      └──┴──┴──┘                 page: a record that the
//	                     at most depth               supervisor can read
//
// The message format, and why no kill loses an entry without a record, are
// described in package kernelq, which all forms in the kernel share.
//
// The queue has no name: it is unlinked as soon as it is open, and goes when
// its last descriptor is closed. A process killed in between leaves one name
// at most, which the next queue of that name takes away, or Sweep.
//
// Guarantees: no call blocks; an entry of another sequence than the next one is
// an error, never a loss that nobody sees. Non-goals: speed (a system call an
// entry; the form "ring" has none), entries over [MaxEntry] bytes (they travel
// in blocks), more priorities than two: urgent messages have priority 1, which
// the kernel hands out first, and all others 0 ([NewPrioritySender]).
package mq
