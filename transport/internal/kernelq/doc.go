// Package kernelq is what the queue forms in the kernel have in common: the
// format of a message, the sender and the receiver. Each form adds a [Port], which
// is two system calls.
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
// Such a queue forgets a message when it is read. So the receiver reads straight
// into memory that outlives it, and the message itself says which one it is and
// whether it is whole: no word has to be stored after the system call. Whenever a
// receiver is killed, each entry is in the queue, or in that memory, or has been
// dealt with.
//
// # Priorities
//
// POSIX and SysV queues have priorities, which are used for two classes of
// messages: urgent ones are received first ([Prior]). Messages of one class arrive
// in the order sent, so each class has its own sequence, which shows a loss. The
// receiver counts in its page how many of each it has dealt with:
//
//	urgent count  normal count    record of the message taken last
//	        u            n        (urgent, u): it left the queue, and was not dealt with
//	                              (normal, n): likewise
//	                              a lower sequence: it was dealt with
//
// So whenever a receiver is killed, and whatever the order in which the classes
// came, the record and the counts say where its successor goes on.
//
// Some room is kept for urgent messages, so that the others cannot keep them out.
// Nothing is kept for the others: while urgent messages come faster than they are
// read, the others wait, as with the system's own priorities.
//
// Guarantees: no call blocks; an entry out of sequence is an error, never a silent
// loss. Non-goals: speed (each entry costs a system call; the form "ring" needs
// none).
package kernelq
