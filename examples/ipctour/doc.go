// Command ipctour is a guided tour of every form of communication between two
// processes that the library has:
//
//	go run ./examples/ipctour                  # a table, and where copy meets map
//	go run ./examples/ipctour -html tour.html  # also a page with plots
//	go run ./examples/ipctour -quick
//
//	this process                                        the far process
//	              ── queues:    ring unix pipe sysv posix ──►   checks every
//	   measures   ── segments:  memfd shm file sysv ────────►   message and
//	              ◄─ notifiers: futex eventfd ──────────────►   answers asks
//	              ◄─ a mutex in memory that both write ─────►
//	              ── an open file ──────────────────────────►
//
// Each stop starts a far process and changes one word of the configuration:
// mailbox.Config.Queue, mailbox.Config.Segment or supervisor.Spec.Notifier. The rest is
// what every program uses: actor.Ask, Tell and Lend. If this machine refuses a form, the
// tour shows the reason.
//
// What the columns mean:
//
//	awake    a message of 64 bytes (for a segment: a lent payload of 256 KiB) sent
//	         and answered, median, both processes awake
//	asleep   the same, once a millisecond, so that both have gone to sleep before
//	rate     messages of 64 bytes one way, one after another
//	GB/s     payloads of 256 KiB one way: lent, filled by copy, and one word of each
//	         page read
//	copies   how often a byte of a small message (for a segment: of a plain
//	         []byte) is copied on its way, from value to value
//	calls    system calls of both processes for each trip of "awake", as perf
//	         counts them; - without perf
//	copied   bytes: the library's count of payload bytes, times the copies
//	map from the payload size from which a lent buffer, filled by copy, is not
//	         slower than a plain []byte
//
// An answer travels in the same way in every form, in a slot in shared memory; only the
// way to the far process differs.
package main
