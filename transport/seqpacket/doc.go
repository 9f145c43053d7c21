// Package seqpacket is the queue form "unix": a pair of connected Unix sockets that
// preserve the boundaries and the order of packets (SOCK_SEQPACKET).
//
//	sender                    kernel                    receiver
//	buffer ── sendto ──► send end  ═══►  receive end ── recvfrom ──► Taken, in its page
//	                           packets, charged to
//	                           the sender's buffer
//
// The sender writes to one end. The other end goes to the supervisor, which keeps it,
// and from there to each incarnation of the receiver. What was sent waits in the
// receive end and outlives both processes. Nothing has a name.
// The message format, and why no kill loses an entry without a record, are
// described in package kernelq, which all forms in the kernel share.
//
// A queue holds what the sender's buffer allows: net.core.wmem_default bytes, of which
// the kernel takes about 500 for each packet. By default that is some 280 small
// messages, or some 40 of the largest.
//
// Guarantees: no call waits for a message or for room. Non-goals: speed (each entry
// costs a system call), entries over [MaxEntry] bytes (they travel in blocks),
// priorities (a socket has none).
package seqpacket
