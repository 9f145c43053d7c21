// Command bench measures messages between OS processes, using only what any program
// would use: actors in their own processes, Tell, Ask, Lend.
//
//	go run ./examples/bench                       every workload, three times: half a minute
//	go run ./examples/bench -quick                one short run
//	go run ./examples/bench -work echo,flood      some of them
//	go run ./examples/bench -json r.json          every single result too
//	go run ./examples/bench -plot p.svg           and time and bandwidth over payload size
//	go run ./examples/bench -syscalls             and system calls, counted by perf
//	go run ./examples/bench -work echo -beside 125  polling or not, while others want every processor
//	bench -peers WORKLOAD                         one run, as one line for another program
//
// Each run of each workload has fresh processes:
//
//	bench ──starts──► bench -peers echo          the root: starts the actors, then waits
//	                    │
//	                    ├─► sender   ── Ping ──► in processes of their own; the sender
//	                    └─► receiver ◄─ Pong ──  tells the root what it has measured
//
// The workloads are those of any transport:
//
//	echo       64 bytes told there and back between the handlers of two actors,
//	           one at a time; the sender's Ref is in the message
//	echo-idle  the same once a millisecond: both processes have gone to sleep
//	ask        asked and answered: 64 flat bytes, and a struct with a string and
//	           a slice
//	flood      64 flat bytes told one way as fast as possible; the last message is
//	           an ask, whose answer confirms that all have arrived
//	tell       the same with a string and a slice
//	fanin      flood from eight processes to one
//	blob       64 KiB, 1 MiB and 16 MiB told one way. touch: lent, a word written in
//	           each page, no byte moves. copy: lent and filled by copy. read: filled
//	           by Fill, and a word of each line, not only of each page, is read. view:
//	           a []byte of the sender, copied in and read in place. plain: a []byte,
//	           copied in and out
//	stream     256 MiB through a mailbox of 8 MiB, filled by copy. copy: read in place,
//	           by io.Copy. read: into a buffer. Figures are per MiB
//	spawn      a process, from before its start to its first reply; and from its
//	           SIGKILL to the first reply of its replacement
//	idle       a thousand mailboxes of actors in place, and fifty of processes, to
//	           which nothing is sent for ten seconds: CPU, memory, descriptors.
//	           Runs only if named: -work idle
//	sizes      with -plot: 64 bytes to 16 MiB, there and acknowledged, and one way
//
// What the figures mean: p50 and p99 are of single trips, each timed; the mean is over
// trips with the clock read every 64. Rates count from the first message to the
// acknowledgement of the last. CPU is user and system time of all processes of the run,
// including the root, per trip or message. Allocations are those of sender and receiver,
// system calls those of all processes, both including the warm-up. Each figure is the
// median over the runs. The workloads take turns, so that a drift of the machine affects
// all alike.
//
// Guarantees: the receiver checks that every message is its sender's next, and a word of
// each page of a large one; a miss, a death or a hang ends the program with an error. No
// process outlives it.
//
// It does not measure other libraries. But as "bench -peers WORKLOAD" it does one run with
// the plan in $PEERS_PLAN (JSON; see Plan) and prints one line, @@RES and a JSON array of
// Result, so that a program that measures several libraries can interleave their runs.
package main
