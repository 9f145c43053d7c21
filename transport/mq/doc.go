// Package mq is the queue form "posix": a POSIX message queue, which the
// kernel holds.
//
//	sender                kernel                 receiver
//	buffer ── mq_send ──► ┌──┬──┬──┐ ──mq_receive──► Taken, in the receiver's
//	                      └──┴──┴──┘                 page: a record that the
//	                     at most depth               supervisor can read
//
// One entry is one message of the queue:
//
//	u32 length of the entry  u32 CRC-32C of all that follows
//	u64 sequence             the entry              (little-endian)
//
// A message queue forgets a message when it is read. So the receiver reads
// straight into memory that outlives it, and the message says itself which one
// it is and whether it is whole: no word has to be stored after the system call
// for the entry to be known. Whenever a receiver is killed, each entry is in
// the queue, or in that memory, or has been dealt with.
//
// The queue has no name: it is unlinked as soon as it is open, and goes when
// its last descriptor is closed. A process killed in between leaves one name
// at most, which Sweep removes.
//
// Guarantees: no call blocks; an entry of another sequence than the next one is
// an error, never a loss that nobody sees. Non-goals: speed (a system call an
// entry; the form "ring" has none), entries over [MaxEntry] bytes (they travel
// in blocks), priorities.
package mq
