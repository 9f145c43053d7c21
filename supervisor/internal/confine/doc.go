// Package confine starts a process under limits. The process sets them itself, before it
// runs the code that they are for: the program is started in the role of a trampoline,
// which limits itself and then executes the child.
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
// The limits hold for every thread of the child: they are set on the one thread that
// executes it, which makes all others. The child's main and everything that it starts run
// under them. Unless all limits are in force, except those declared optional, the child
// does not start; the report says which were refused, and why.
//
// # Non-goals
//
// The initializers of the program's packages also run in the trampoline, before the
// limits are set, as they run in every process of the program. They are the program's
// own code.
package confine
