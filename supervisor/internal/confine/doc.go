// Package confine starts a process under limits. Limits are set by the process
// itself, before the code that they are for is there: the program is started
// once more, in the role of a trampoline, which limits itself and then executes
// what was meant.
//
//	root ──fork, exec──► trampoline: this program, in an initializer, on its main thread
//	                       │ oom score · nice · rlimits · user · no_new_privs · Landlock · seccomp
//	  ▲                    │ execve: same number, same descriptors, same parent
//	  └── report ──────────┤
//	      (ends at the     ▼
//	       execve)       the child
//
// # Guarantees
//
// The limits hold for every thread of the child: they are set on the one thread
// that executes it, and all others are made by that one. The child's main and
// all that it starts run under them. Either all limits are in force or the child
// does not start, except those that were declared optional; the report says
// which were refused, and why.
//
// # Non-goals
//
// The initializers of the program's packages run in the trampoline, too, before
// the limits are there, as they run in every process of the program. They are
// the program's own.
package confine
