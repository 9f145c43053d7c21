// Package sock implements the control link between a process and its supervisor: a
// connected pair of sockets that carries frames and descriptors.
//
//	supervisor ── frame + up to 8 descriptors ──► process
//	           ◄── frame + up to 8 descriptors ──
//	            SOCK_SEQPACKET: one Send is one Receive
//
// A frame arrives whole, with its descriptors, or not at all: if a frame or a
// descriptor was cut off, for example because this process is out of descriptors,
// whatever arrived is closed and the error says so. Descriptors arrive close-on-exec.
//
// When the peer ends, the link ends: Receive returns every frame that the peer sent
// before it died, then io.EOF. Links wait in the runtime's poller: a blocked call costs
// a goroutine but no thread, a Listen neither.
//
// A link may have both ends in one process, for an actor that runs in its supervisor's
// process: Local follows the same rules, without sockets or descriptors of its own.
//
// A Passage belongs to a lane and carries the files of its messages, from the sender,
// whose entry names a ticket, to whoever reads that entry:
//
//	sender ── packet: ticket, up to 8 descriptors ──► exit, held by receiver and supervisor
//
// Guarantees: order; any number of concurrent senders; no descriptor leaks on
// any error. Non-goals: the message path (that is a lane), other machines,
// frames larger than [MaxFrame].
package sock
