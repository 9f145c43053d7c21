// Package pipe is the queue form "pipe": a pipe in packet mode (O_DIRECT), in
// which each write is one packet and each read takes one.
//
//	sender                      kernel                   receiver
//	buffer ── write ──► ┌────┬────┬────┬────┐ ── read ──► Taken, in its page
//	                    └────┴────┴────┴────┘
//	                     one buffer a packet
//
// The sender writes to one end. The other end goes to the supervisor, which keeps it,
// and from there to each incarnation of the receiver. What was written waits in the
// pipe and outlives both processes. Nothing has a name.
// The message format, and why no kill loses an entry without a record, are
// described in package kernelq, which all forms in the kernel share.
//
// A packet has at most PIPE_BUF bytes and takes one buffer of the pipe, a page,
// however small it is. A queue holds [Depth] packets, or fewer when this user has used
// up fs.pipe-user-pages-soft.
//
// Guarantees: no call waits for a message or for room. But a peer in the middle of a
// copy holds the pipe's lock: if it stops there on purpose, it stops the other side
// too. So this form is for processes that trust each other. Non-goals: speed (each
// entry costs a system call), entries over [MaxEntry] bytes (they travel in blocks),
// priorities (a pipe has none).
package pipe
