// Package supervisor starts the processes of a program, learns from the kernel when
// they die, restarts them by the rules of Erlang/OTP, and keeps their mailboxes.
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
// same executable, started again with the same arguments; its environment tells it what
// to run. [Run] is the main function of a program: in the root process it calls the
// program's function, and in a child it runs the actor. [Start] and [StartChild] start a
// child; [Child] says how it is started, restarted and stopped. A child that dies is
// started again, unless its [Restart] type forbids it. [Spec] says how many restarts are
// too many: by default the second within five seconds, as in OTP. Then the supervisor
// gives up and stops all its children, and Run exits with code 1.
//
// # Trees
//
// A supervisor can have supervisors below it, each with a [Spec] of its own. One started
// with [Supervisor.StartSupervisor] or listed as Child.Supervisor runs in the process of
// the supervisor above it. One made with [Define], and started with [StartSubtree] or
// listed as Child.Subtree, has its own process. That process decides, starts and
// watches, but the mailboxes below it are in the root, so that none is lost when it
// dies:
//
//	root: keeper ◄──── control link of every actor ────┐
//	  │  ▲  events; links and pidfds of children       │
//	  ▼  │                                             │
//	supervisor: its rules ── start, pidfd, status ───► actor
//
// When such a process dies, everything that it has started is ended before it is started
// again. A supervisor that gives up counts as a child that has died: the rules of the
// one above decide. docs/otp.md maps OTP's rules to the tests.
//
// # Other features
//
// A [Pool] is several actors behind one Ref. A [Command] runs any other program as a
// child. [Supervisor.Replace] gives a running actor a new process, if wanted of a new
// build, which takes over mailbox and state between two messages. [Limits] restrict what
// a child may use and do. [Spec] has hooks for events, dead letters and logs. The root
// process can use all of this, and so can an actor whose Child.Operator is set, through
// the supervisor that [Of] gives it.
//
// # Guarantees
//
// Children start one after another, each when the one before is ready, and stop in
// reverse order. The kernel reports a death; it is never guessed from silence. The next
// process of a child starts only after the kernel has reported the end of the one
// before. It gets the mailbox as it was, with the unread messages in order. Limits are
// in force in all threads of a child before its main runs, or it does not start. After
// the end of the root process, even by SIGKILL, no process of the program is left, and
// no queue, segment, socket or file; the README lists the exceptions.
//
// # Non-goals
//
// Mailboxes do not outlive the root process. The function given to Run runs in the
// root: a crash there ends the program, so real work belongs in children.
//
// # How it is built
//
// One goroutine, the loop of supervisor.go, owns the tree. A command, a frame, a timer and
// the end of a process are functions that are posted to it. For each supervisor of the tree
// it has a branch (branch.go), which tells internal/tree what has happened and carries out
// what the rules answer. internal/keeper holds the mailboxes, internal/process knows the
// kernel's side of a process; limits are set by internal/confine, other programs run below
// internal/guard.
//
// A child's way through the files:
//
//	described   spec.go, listed.go, restart.go, limits.go, pool.go, command.go, subtree.go
//	asked for   start.go, resize.go ─► commands.go (the program) ─► branch.go (the rules)
//	started     child.go ─► running.go (process and link) · confined.go (with limits) · inplace.go
//	in its process   run.go, role.go (root, child, guardian or supervisor) · variables.go
//	runs        running.go (its frames) ─► child.go · queue.go (frames to it) · output.go, lines.go · hang.go, overrun.go
//	ends        childstop.go (when asked) · childend.go (whatever the cause) · link.go (with others)
//	replaced    replace.go, replaceall.go ─► successor.go
//	reported    event.go, letter.go, log.go, unread.go · systemd.go, manager.go, signals.go
//
// Two kinds of process supervise without being the root:
//
//	a supervisor's own process   above.go there ◄── frames ──► away.go, awayend.go, successor_away.go in the root
//	an operator                  operator.go ── orders: order.go, errortext.go ──► operator.go in the root
//
// A child that another process supervises has the same type child in the root, where
// its branch has no rules.
package supervisor
