// Package transport is the contracts by which bytes, memory and descriptors
// move between processes, and the layout of the two pages of a lane. It knows
// no values and no processes.
//
//	Queue (order)       Sender · Receiver   forms: ring, seqpacket, pipe, sysv, mq
//	Segment (weight)    memory of several   forms: segment (memfd, shm, sysv, file)
//	Notifier (wake-up)  sleep on bells      forms: notify (futex, eventfd)
//	Link (control)      frames + files      sock (SOCK_SEQPACKET)
//
//	lane = queue + send page + receive page + notifier   (package lane)
//
// A form is a small package that implements a contract and passes the suite of
// package transporttest. Every shared word has one writer: a SendPage is
// written by the sending process and read by the receiving one, a RecvPage the
// other way round, and each is mapped read-only by the other side.
//
// # The folders
//
//	ring, seqpacket, pipe, sysv, mq   the forms of queues; the last four share internal/kernelq
//	segment                           the forms of segments, and the lending of their blocks
//	notify                            the forms of notifiers
//	lane                              what the mailbox uses: the two ends of a lane, and the table of forms
//	sock, wire                        the control link, and its frames
//	poll                              many idle descriptors, one goroutine
//	shared                            mutex, semaphore, condition: for a program's own data, not for messages
//	sandbox                           rights that a child gives up before it runs
//	internal/sys, internal/cpu        system calls and instructions that Go does not offer
//	transporttest                     the conformance suite
//
// # Guarantees
//
// Entries of one queue arrive whole and in the order of their commits; in a queue
// with priorities ([Prioritized]) urgent ones first, and each class so. What was
// committed stays in memory that outlives both ends as long as somebody holds
// the descriptors. A process that is killed at any instruction stalls nobody.
//
// # Non-goals
//
// Contracts do not block, except for Link and Notifier.Wait; they do not lock,
// encode, or retry.
package transport
