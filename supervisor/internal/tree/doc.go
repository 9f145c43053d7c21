// Package tree is the rules of supervision as pure functions and one state
// machine: no processes, no clocks, no goroutines. The supervisor's loop gives
// a Machine what happens and does what it answers; a test gives it a million
// invented histories.
//
//	      Add, Init, RestartChild
//	               │ its turn
//	               ▼             Ready
//	┌────────► Starting ────────────────► Running
//	│ Spawn        │ Exited                  │ Exited
//	│              ▼                         ▼
//	├───────── Restarting ◄──────────── its turn, by the rules
//	│  Retry       │  ▲                      │
//	│              ▼  │ the time has come    │ not to be restarted,
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
// reverse order, one at a time; a child never has two incarnations that are
// alive. A supervisor below a supervisor is a child of one Machine and a
// Machine of its own: Up is its Ready, Ended its Exited by request.
//
// What differs from OTP: a Terminate and a Shutdown do not wait for a start
// that hangs, they stop it; and Backoff and Pace, which OTP does not have.
//
// docs/otp.md maps the rules to the tests.
package tree
