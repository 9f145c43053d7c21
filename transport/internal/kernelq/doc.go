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
//	u64 sequence, its highest bit: urgent           (little-endian)
//	the entry
//
// Such a queue forgets a message when it is read. So the receiver reads
// straight into memory that outlives it, and the message says itself which one
// it is and whether it is whole: no word has to be stored after the system call
// for the entry to be known. Whenever a receiver is killed, each entry is in
// the queue, or in that memory, or has been dealt with.
//
// # Priorities
//
// POSIX and SysV queues have priorities, and messages of two classes use them:
// urgent ones are received first ([Prior]). What a sender sends arrives in the
// order sent within each class, so each class has a sequence of its own, by which
// a loss shows. The receiver counts in its page what it has dealt with of each:
//
//	urgent count  normal count    record of the message taken last
//	        u            n        (urgent, u): it left the queue, and was not dealt with
//	                              (normal, n): likewise
//	                              less than that: it was dealt with
//
// So whenever it is killed, and whatever the order in which the classes came,
// the record and the counts say what its successor goes on with.
//
// Room is kept for urgent messages, which the others do not take: they cannot be
// kept out by these. The others have no such right: while urgent messages come
// faster than they are read, the others wait, as with the system's own
// priorities.
//
// Guarantees: no call blocks; an entry of another sequence than the next one is
// an error, never a loss that nobody sees. Non-goals: speed (a system call an
// entry; the form "ring" has none).
package kernelq
