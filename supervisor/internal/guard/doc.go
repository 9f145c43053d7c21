// Package guard runs any other program as the child of a supervisor, below a guardian:
// our own program, started again in that role:
//
//	root ──link, liveness──► guardian ──SIGTERM, kill──► command ──► its descendants
//	  ▲                      (subreaper)                    │
//	  ├──── stdout, stderr: pipes that the root drains ─────┤
//	  └──── Ready · Ended: code or signal, usage ◄──────────┘
//
// # Guarantees
//
// The command dies with its guardian, and the guardian with the root: through the
// liveness pipe, a parent-death signal on a thread that lives as long as the command, and
// their common process group. When the command has ended, everything that it has started
// is ended, whatever group or session it is in. The command has only the descriptors 0 to
// 2 and the environment that it was given.
//
// # Non-goals
//
// The guardian itself has no limits except that of memory, which it shares with the
// command: it must be able to find and end what the command has started.
package guard
