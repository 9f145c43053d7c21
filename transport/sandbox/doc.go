// Package sandbox takes rights from a thread, irrevocably: paths by Landlock, system
// calls by a filter (seccomp). Whatever the thread starts afterwards, by clone or
// execve, has no more rights than the thread.
//
//	Paths ──Open──► Rules ──Restrict──► this thread opens what is below them, nothing else
//	names ──Numbers──► Deny ──────────► this thread (or all) gets EPERM from these calls
//
// # Guarantees
//
// A limit that cannot be enforced is an error, and nothing is silently enforced in
// part: if the kernel's Landlock does not guard against truncation (before Linux 6.2),
// the error is an *ABIError, and the caller decides whether to accept less. A filter
// checks the architecture of a call first, so that no other ABI (32 bit, x32) bypasses
// it. It also always denies io_uring_setup, since a ring carries calls that no filter
// sees.
//
// # Non-goals
//
// Descriptors that are open already stay usable: Landlock checks the opening of files,
// not their use. Nothing here isolates processes from each other's signals or from the
// network; namespaces and users do that. A list of denied calls is only as good as the
// list, as the kernel gets new calls.
package sandbox
