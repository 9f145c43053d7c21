// Package sandbox takes rights from a thread, for ever: paths by Landlock,
// system calls by a filter (seccomp). What the thread then starts, by clone or
// by execve, has these rights at most.
//
//	Paths ──Open──► Rules ──Restrict──► this thread opens what is below them, nothing else
//	names ──Numbers──► Deny ──────────► this thread (or all) gets EPERM from these calls
//
// # Guarantees
//
// What cannot be enforced is an error, and nothing is enforced half: a kernel
// whose Landlock does not guard against truncation (before Linux 6.2) is refused
// with an *ABIError unless the caller takes less. A filter looks at the
// architecture of a call first, so that no other way of calling (32 bit, x32)
// leads around it, and it denies io_uring_setup along with everything else,
// since a ring carries calls that no filter sees.
//
// # Non-goals
//
// Descriptors that are open already stay usable: Landlock looks at the opening
// of files, not at their use. Nothing here isolates processes from each other's
// signals or from the network; that is what namespaces and users are for. A list
// of denied calls is as good as the list: the kernel gets new ones.
package sandbox
