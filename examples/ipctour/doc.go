// Command ipctour is a guided tour of every form of communication between two
// processes that the library has:
//
//	go run ./examples/ipctour                  # a table, and where copy meets map
//	go run ./examples/ipctour -html tour.html  # and one page with plots
//	go run ./examples/ipctour -quick
//
//	this process                                        the far process
//	              ── queues:    ring unix pipe sysv posix ──►   checks every
//	   measures   ── segments:  memfd shm file sysv ────────►   message and
//	              ◄─ notifiers: futex eventfd ──────────────►   answers asks
//	              ◄─ a mutex in memory that both write ─────►
//	              ── an open file ──────────────────────────►
//
// Each stop starts a far process, and changes one word of the configuration:
// mailbox.Config.Queue, mailbox.Config.Segment or supervisor.Spec.Notifier. The
// rest is what every program uses: actor.Ask, Tell and Lend. A form that this
// machine refuses is shown with the reason.
//
// What the columns mean:
//
//	awake    a message of 64 bytes (at a segment: a lent payload of 256 KiB) there
//	         and answered, median, both processes awake
//	asleep   the same, once a millisecond, so that both have gone to sleep before
//	rate     messages of 64 bytes one way, one after another
//	GB/s     payloads of 256 KiB one way: lent, filled by copy, and one word of each
//	         page read
//	copies   how often a byte of a small message (at a segment: of a plain
//	         []byte) is copied on its way, from value to value
//	calls    system calls of both processes for each trip of "awake", as perf
//	         counts them; - without it
//	copied   bytes, by the library's count of payload bytes, times the copies
//	map from the payload size from which on a lent buffer that has to be filled
//	         by copy is not slower than a plain []byte
//
// An answer takes the same way in every form, a slot in shared memory; what is
// compared is the way there.
package main
