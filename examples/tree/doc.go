// Command tree is a three-level tree of supervisors that one can watch being killed:
//
//	go run ./examples/tree                   # kill a process from another terminal: kill -9 PID
//	go run ./examples/tree -kill 300ms -for 5s
//	go run ./examples/tree -json | jq .kind  # every event as a line of JSON
//
//	root           one_for_one         each child by itself
//	├─ clock                           comes back after a delay that grows
//	├─ line        rest_for_one        what stands behind the dead one restarts with it; a process of its own
//	│  ├─ source
//	│  ├─ pair     one_for_all         one dies, both restart
//	│  │  ├─ left
//	│  │  └─ right
//	│  └─ sink
//	└─ pool        simple_one_for_one  any number of one kind
//	   └─ worker-N ...
//
// Each leaf is a process, and so is line, whose end ends all below it before it is
// started again. The other supervisors live in the process of the one above. The
// end of the root process, by SIGKILL too, ends all.
package main
