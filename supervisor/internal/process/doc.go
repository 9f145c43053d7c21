// Package process is one OS process from its start to its reaped end. It knows
// nothing of actors.
//
//	Starter ── fork, exec on one thread ──► Process
//	                                          │ pidfd in the runtime's poller
//	                              died: a zombie, its status still there
//	                                          │ SIGKILL to its group
//	                                          │ reap: status, usage
//	                                          ▼
//	                                        Exit
//
// # Guarantees
//
// A death is learned from the kernel, by a pidfd in the poller: no thread waits
// for a child. The group is killed while its leader is a zombie, so its number
// cannot have been given to a stranger. Done is closed after the child has been
// reaped. A child is in a process group of its own and has no descriptors but
// those it was given. When the process that started it dies, however it dies, a
// child that watches its liveness pipe kills its own group; one that is stopped
// at that moment is continued first.
//
// # Non-goals
//
// Descendants that have left the group are not found.
package process
