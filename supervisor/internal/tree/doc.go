// Package tree implements the rules of supervision as pure functions and one state
// machine: no processes, no clocks, no goroutines. The supervisor's loop feeds a
// Machine with what happens and carries out its actions; a test feeds it with a million
// invented histories.
//
//	      Add, Init, RestartChild
//	               │ its turn
//	               ▼             Ready
//	┌────────► Starting ────────────────► Running
//	│ Spawn        │ Exited                  │ Exited
//	│              ▼                         ▼
//	├───────── Pending ◄─────────────── its turn, by the rules
//	│  Retry       │  ▲                      │
//	│              ▼  │ its time has come    │ not restarted,
//	├───────── Delayed, by its Backoff       │ Ignored
//	│              │ Terminate, Shutdown     ▼
//	└── RestartChild ◄──────────────────  Stopped ──► removed
//	                      Exited             ▲
//	     Terminate ──► Stopping ─────────────┘
//
// The words and the rules are those of Erlang/OTP's supervisor: the strategies
// one_for_one, one_for_all, rest_for_one and simple_one_for_one, the restart
// types permanent, transient and temporary, the sliding window of restarts,
// significant children. Children are started one after another and stopped in
// reverse order, one at a time; a child never has two live incarnations, except while
// it is being replaced. A supervisor below a supervisor is a child of one Machine and
// has a Machine of its own: Up of that one is its Ready, Ended its Exited with ByRequest.
//
// Differences from OTP: Terminate and Shutdown do not wait for a start that hangs, but
// stop it; Backoff, Pace and Replace do not exist in OTP.
//
// docs/otp.md maps the rules to the tests.
package tree
