// Command bench measures messages between OS processes, through nothing but
// what a program would use: actors in processes of their own, Tell, Ask, Lend.
//
//	go run ./examples/bench                       every workload, three times: about two minutes
//	go run ./examples/bench -quick                one short run
//	go run ./examples/bench -work echo,flood      some of them
//	go run ./examples/bench -json FILE            every single result too
//	bench -peers WORKLOAD                         one run, as one line for another program
//
// One run of one workload has fresh processes:
//
//	bench ──starts──► bench -peers echo          the root: starts the actors and waits
//	                    ├── sender   ── Ping ──► in processes of their own
//	                    └── receiver ◄─ Pong ──
//
// The workloads:
//
//	echo       64 bytes told there and back between the handlers of two actors
//	echo-idle  the same once a millisecond, so that both have gone to sleep
//	ask        asked and answered: a flat message, and one with a string and a slice
//	flood      64 bytes told one way as fast as possible; the last one acknowledged
//	tell       the same with a string and a slice
//	fanin      flood from eight processes to one
//	blob       64 KiB, 1 MiB, 16 MiB one way. touch: lent, a word written in each
//	           page. copy: lent, filled by copy. plain: a []byte
//	spawn      a process, from before its start to its first reply; and from its
//	           SIGKILL to the first reply of its replacement
//
// The receiver checks that every message is the sender's next, and of a large
// one a word of each page; a miss fails the run. CPU times are those of all
// processes of the run, the root's included.
package main
