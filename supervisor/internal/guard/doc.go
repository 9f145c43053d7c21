// Package guard runs a foreign command as the child of a supervisor. A guardian
// is the program itself, started again in that role:
//
//	root ──link, liveness──► guardian ──SIGTERM, kill──► command ──► its descendants
//	  ▲                      (subreaper)                    │
//	  ├──── stdout, stderr: pipes that the root drains ─────┤
//	  └──── Ready · Ended: code or signal, usage ◄──────────┘
//
// # Guarantees
//
// The command dies with its guardian, which dies with the root: by the liveness
// pipe, by a parent-death signal on a thread that lives as long as the command,
// and by their common process group. When the command has ended, everything
// that it had started is ended, whatever group or session it is in. The command
// has no descriptor but 0 to 2, and the environment that it was given.
//
// # Non-goals
//
// The guardian itself has no limits but that of memory, which it shares with the
// command: it must find and end what the command has started.
package guard
