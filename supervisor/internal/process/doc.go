// Package process starts OS processes and follows each until it has ended and was
// reaped. It knows nothing of actors.
//
//	Starter ── fork, exec on one thread ──► Process
//	                                          │ pidfd, watched by package poll
//	                              died: a zombie, its status still there
//	                                          │ SIGKILL to its group
//	                                          │ reap: status, usage
//	                                          ▼
//	                                        Exit
//
// # Guarantees
//
// The kernel reports a death through a pidfd in a poller: no thread and no goroutine
// waits for a child. The group is killed while its leader is a zombie, so its number
// cannot have been reused. Done is closed after the child has been reaped. A child is in
// its own process group and has only the descriptors that it was given. When the process
// that started it dies, however it dies, a child that watches its liveness pipe kills its
// own descendants and its group; one that is stopped at that moment is continued first.
//
// Descendants that have left the group are found too, whatever their environment, name
// or group. Every child is a subreaper, so what it has started stays below it while it
// lives. So is the root inside [WithOrphans], so what a child leaves behind becomes a
// child of the root, which kills it before Done is closed. They are found in /proc or, if
// that belongs to another PID namespace or no descriptor is left to read it with, by
// asking the kernel about every number. What does not die within two seconds is left.
//
//	root (subreaper) ──► child (subreaper) ──► setsid, double fork ──► daemon
//	      ▲                     ╳ dies                                   │
//	      └───────────── the kernel: a new parent ◄──────────────────────┘
//
// # Non-goals
//
// A process that uses a Starter outside WithOrphans (a supervisor made by New, not Run)
// gets no orphans: there a descendant that has left its group outlives a child that was
// killed or crashed, unless the child is the first process of a PID namespace, which
// nothing in it outlives. cgroup.kill is not used; SECURITY.md says why.
package process
