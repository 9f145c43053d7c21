// Package sock is the control link between a process and its supervisor: a
// connected pair of sockets that carries frames and descriptors.
//
//	supervisor ── frame + up to 8 descriptors ──► process
//	           ◄── frame + up to 8 descriptors ──
//	            SOCK_SEQPACKET: one Send is one Receive
//
// A frame arrives whole and alone, with its descriptors, or not at all: when a
// frame or a descriptor was cut off, for instance since this process is out of
// descriptors, the rest of it is closed and the error says so. Descriptors
// arrive close-on-exec.
//
// The end of the peer is the end of the link: Receive hands out every frame
// that the peer sent before it died, then io.EOF. Links wait in the runtime's
// poller; a blocked call costs a goroutine, no thread, and a Listen neither.
//
// A link may have both ends in one process, for an actor in place: Local has no
// socket and no descriptor, and the same rules.
//
// A Passage stands beside a lane and carries the files of its messages, from
// the sender, whose entry names a ticket, to whoever reads that entry:
//
//	sender ── packet: ticket, up to 8 descriptors ──► exit, held by receiver and supervisor
//
// Guarantees: order; any number of concurrent senders; no descriptor leaks on
// any error. Non-goals: the message path (that is a lane), other machines,
// frames larger than [MaxFrame].
package sock
