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
// A tree has supervisors below supervisors, each with a [Spec] of its own: they
// live in the root process, one loop drives them all, and only actors are
// processes, and commands below a guardian. A supervisor that gives up ends as a child does, and the rules of
// the one above decide. docs/otp.md maps OTP's rules to the tests.
//
// # Guarantees
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
