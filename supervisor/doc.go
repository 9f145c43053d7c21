// Package supervisor starts the processes of a program, watches them with what
// the kernel knows, restarts them by the rules of Erlang/OTP, and keeps their
// mailboxes.
//
//	             your program (the root process)
//	┌──────────────────────────────────────────────────┐
//	│ Run(func(ctx, sup) error { ... Start ... Ask })  │
//	│ ┌────────────┐   ┌─────────────────────────────┐ │
//	│ │ Supervisor │──►│ keeper: lanes of every child│ │
//	│ └─────┬──────┘   └─────────────────────────────┘ │
//	└───────┼──────────────────────────────────────────┘
//	 start, │ pidfd, exit status, control link
//	        ├──────────► child: the same program, one actor
//	        └──────────► child: ...
//
// A child is one OS process that runs one actor defined by [actor.Define]. It is the
// same executable, started again with the same arguments; its environment says what
// it is to run. [Run] is the main function of a program: in the root process it calls
// the program's function, and in a child it runs the actor. [Start] and [StartChild]
// start a child; [Child] says how it is started, restarted and stopped. A child that
// dies is started again, unless its [Restart] type forbids it. [Spec] says how many
// restarts are too many: by default the second one within five seconds, as in OTP.
// Then the supervisor gives up, stops all its children, and Run exits with code 1.
//
// # Trees
//
// Supervisors can stand below supervisors, each with a [Spec] of its own. One that is
// started by [Supervisor.StartSupervisor] or listed as Child.Supervisor runs in the
// process of the supervisor above. One that [Define] has made, and that is started by
// [StartSubtree] or listed as Child.Subtree, has a process of its own. That process
// decides, starts and watches, but the mailboxes below it are in the root, so that its
// death costs none of them:
//
//	root: keeper ◄──── control link of every actor ────┐
//	  │  ▲  what happens; links and pidfds of children │
//	  ▼  │                                             │
//	supervisor: its rules ── start, pidfd, status ───► actor
//
// When such a process dies, all that it has started is ended before it is started
// again. A supervisor that gives up counts as a child that has died: the rules of the
// one above decide. docs/otp.md maps OTP's rules to the tests.
//
// # Beside that
//
// A [Pool] is several actors behind one Ref. A [Command] is a child that is any other
// program. [Supervisor.Replace] gives a running actor a new process, of a new build if
// wanted, which takes over mailbox and state between two messages. [Limits] are what a
// child may use and do. [Spec] has hooks for what happens: events, dead letters, logs.
// Only the root process can do all that, and an actor whose Child.Operator is set, by
// the supervisor that [Of] gives it.
//
// # Guarantees
//
// Children start one after another, each when the one before is ready, and stop in
// reverse order. A death is learned from the kernel, and never guessed from silence.
// The next process of a child starts only when the kernel has reported the end of the
// one before. It gets the mailbox as it was, with the unread messages in order. Limits
// are in force before the child's main runs, in all its threads, or it does not start.
// After the end of the root process, by SIGKILL too, no process of the program is
// left, and no queue, segment, socket or file; the README lists the exceptions.
//
// # Non-goals
//
// Mailboxes do not outlive the root process. The function given to Run runs in the
// root: a crash there ends the program, so real work belongs in children.
package supervisor
