// Package tree is the rules of supervision as pure functions and one state
// machine: no processes, no clocks, no goroutines. The supervisor's loop gives
// a Machine what happens and does what it answers; a test gives it a million
// invented histories.
//
//	        Add, RestartChild
//	               │ Spawn
//	               ▼        Ready
//	┌────────► Starting ───────────► Running
//	│ Spawn        │ Exited             │ Exited
//	│              ▼                    ▼
//	│         Restarting ◄───────── its turn, by the rules
//	│  Retry       │ Terminate, Shutdown │ not to be restarted
//	└──────────────┤                     ▼
//	           Stopping ─── Exited ──► Stopped ──► removed
//
// The words and the rules are those of Erlang/OTP's supervisor: the strategies
// one_for_one, one_for_all and rest_for_one, the restart types permanent,
// transient and temporary, the sliding window of restarts. Children are started
// one after another and stopped in reverse order, one at a time; a child never
// has two incarnations that are alive.
package tree
