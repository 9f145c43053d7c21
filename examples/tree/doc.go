// Command tree is a three-level tree of supervisors, to watch what happens when its
// processes are killed:
//
//	go run ./examples/tree                   # kill a process from another terminal: kill -9 PID
//	go run ./examples/tree -kill 300ms -for 5s
//	go run ./examples/tree -json | jq .kind  # every event as a line of JSON
//
//	root           one_for_one         each child by itself
//	├─ clock                           comes back after a growing delay
//	├─ line        rest_for_one        those after the dead one restart with it; it has its own process
//	│  ├─ source
//	│  ├─ pair     one_for_all         one dies, both restart
//	│  │  ├─ left
//	│  │  └─ right
//	│  └─ sink
//	└─ pool        simple_one_for_one  any number of one kind
//	   └─ worker-N ...
//
// Each leaf is a process, and so is line: when it dies, everything below it is ended
// before it is restarted. The other supervisors run in the process of the one above. The
// end of the root process, even by SIGKILL, ends everything.
package main
