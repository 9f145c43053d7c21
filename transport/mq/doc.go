// Package mq is the queue form "posix": a POSIX message queue.
//
//	sender                kernel                 receiver
//	buffer ── mq_send ──► ┌──┬──┬──┐ ──mq_receive──► Taken, in the receiver's
//	                      └──┴──┴──┘                 page: a record that the
//	                     at most depth               supervisor can read
//
// The message format, and why no kill loses an entry without a record, are
// described in package kernelq, which all forms in the kernel share.
//
// The queue has no name: it is unlinked as soon as it is open, and goes when its
// last descriptor is closed. A process killed in between leaves at most one name,
// which the creation of the next queue of that name removes, or Sweep.
//
// Urgent messages have priority 1, which the kernel delivers first, and all others
// priority 0 ([NewPrioritySender]).
//
// Guarantees: no call blocks; an entry out of sequence is an error, never a silent
// loss. Non-goals: speed (each entry costs a system call; the form "ring" needs
// none), entries over [MaxEntry] bytes (they travel in blocks), more than two
// priorities.
package mq
