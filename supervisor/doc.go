// Package supervisor starts the processes of a program, watches them with what
// the kernel knows, restarts them by the rules of Erlang/OTP, and keeps their
// mailboxes.
//
//	             your program (the root process)
//	┌─────────────────────────────────────────────────┐
//	│ Run(func(ctx, sup) error { ... Start ... Ask })  │
//	│ ┌────────────┐   ┌─────────────────────────────┐ │
//	│ │ Supervisor │──►│ keeper: lanes of every child│ │
//	│ └─────┬──────┘   └─────────────────────────────┘ │
//	└───────┼──────────────────────────────────────────┘
//	 start, │ pidfd, exit status, control link
//	        ├──────────► child: the same program, one actor
//	        └──────────► child: ...
//
// A child is one OS process that runs one actor defined by [actor.Define]. It
// is the same executable, started again; its role is in its environment. A
// [Child] says how it is started, restarted and stopped; a [Spec] says how
// many restarts are too many.
//
// A tree has supervisors below supervisors, each with a [Spec] of its own. One
// whose Spec is at hand lives in the process of the supervisor above, driven by
// the same loop. One that [Define] has made can have a process of its own, which
// decides, starts and watches; the mailboxes below it are in the root all the
// same, so that its death costs none:
//
//	root: keeper ◄──── control link of every actor ────┐
//	  │  ▲  what happens; links and pidfds of children │
//	  ▼  │                                             │
//	supervisor: its rules ── start, pidfd, status ───► actor
//
// When such a process dies, all that it has started is ended before its
// replacement starts. A supervisor that gives up ends as a child does, and the
// rules of the one above decide. docs/otp.md maps OTP's rules to the tests.
//
// A running actor gets a new process, of a new build perhaps, by
// [Supervisor.Replace]: its mailbox and state pass to it between two messages.
//
// All of this is for the root process, and, by [Of], for an actor that is a
// [Child.Operator].
//
// # Guarantees
//
// A child may have [Limits]: they are in force before its main runs, in all its
// threads, or it does not start.
//
// Children start one after another, each when the one before is ready, and
// stop in reverse order. A death is a fact of the kernel, never a guess from
// silence. No second incarnation of a child runs before the first one has been
// reaped, and the successor gets the mailbox as it was: unread messages in
// order. After the end of the root process, SIGKILL included, no process of
// the program is left, nor any queue, segment, socket or file.
//
// # Non-goals
//
// Mailboxes do not outlive the root process. Run's function runs in the root:
// a crash there ends the program, so real work belongs in children.
package supervisor
