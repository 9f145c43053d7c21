// Package kernelq is what all queue forms share whose entries the kernel
// holds: the format of a message, the sender and the receiver. A form adds a
// [Port], which is two system calls.
//
//	sender                     kernel               receiver
//	buffer ── Port.Send ──► ┌──┬──┬──┐ ── Port.Receive ──► Taken, in the receiver's
//	                        └──┴──┴──┘                     page: a record that the
//	                                                       supervisor can read
//
// One entry is one message:
//
//	u32 length of the entry  u32 CRC-32C of all that follows
//	u64 sequence             the entry              (little-endian)
//
// Such a queue forgets a message when it is read. So the receiver reads
// straight into memory that outlives it, and the message says itself which one
// it is and whether it is whole: no word has to be stored after the system call
// for the entry to be known. Whenever a receiver is killed, each entry is in
// the queue, or in that memory, or has been dealt with.
//
// Priorities, which POSIX and SysV queues have, are not used: what one process
// sends to one actor arrives in the order sent, and the sequence by which a loss
// would show counts one order. Who needs urgent messages gives them an actor of
// their own; system messages travel by the link and pass everything.
//
// Guarantees: no call blocks; an entry of another sequence than the next one is
// an error, never a loss that nobody sees. Non-goals: speed (a system call an
// entry; the form "ring" has none).
package kernelq
