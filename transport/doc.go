// Package transport defines the interfaces by which bytes, memory and
// descriptors move between processes, and the layout of the two pages of a
// lane. It knows nothing of values or processes.
//
//	Queue (order)       Sender · Receiver   forms: ring, seqpacket, pipe, sysv, mq
//	Segment (weight)    memory of several   forms: segment (memfd, shm, sysv, file)
//	Notifier (wake-up)  waits for bells     forms: notify (futex, eventfd)
//	Link (control)      frames + files      sock (SOCK_SEQPACKET)
//
//	lane = queue + send page + receive page + notifier   (package lane)
//
// A form is a small package that implements one of these interfaces and passes
// the suite of package transporttest. Every shared word has one writer: the
// sending process writes the SendPage and the receiving process reads it, a
// RecvPage is the other way round, and the reader maps each page read-only.
//
// # The folders
//
//	ring, seqpacket, pipe, sysv, mq   the forms of queues; the last four share internal/kernelq
//	segment                           the forms of segments, and the lending of their blocks
//	notify                            the forms of notifiers
//	lane                              what the mailbox uses: the two ends of a lane, and the table of forms
//	sock, wire                        the control link, and its frames
//	poll                              many idle descriptors, one goroutine
//	shared                            mutex, semaphore, condition variable: for a program's own data, not for messages
//	sandbox                           rights that a child gives up before it runs
//	internal/sys, internal/cpu        system calls and instructions that Go does not offer
//	transporttest                     the conformance suite
//
// # Guarantees
//
// Entries of one queue arrive whole and in the order of their commits. In a queue
// with priorities ([Prioritized]) urgent entries come first, and the order holds
// within each class. Committed entries outlive both ends as long as somebody holds
// the descriptors. A process that is killed at any instruction stalls nobody.
//
// # Non-goals
//
// Nothing blocks but Link and Notifier.Wait, and nothing encodes or retries. A
// queue has no lock: its caller sees to that.
package transport
