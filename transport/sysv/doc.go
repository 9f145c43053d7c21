// Package sysv is the queue form "sysv": a SysV message queue (msgget, msgsnd,
// msgrcv, msgctl).
//
//	sender                    kernel                    receiver
//	type, message ── msgsnd ──► ┌──┬──┬──┐ ── msgrcv ──► Taken, in its page:
//	                            └──┴──┴──┘               type, message
//	        │                    id of key                │
//	        └──── open file ───► registry file ◄──── open file
//	                             key, flock
//
// A SysV queue belongs to nobody: it outlives every process and is no
// descriptor. So each queue has a file in the registry, a directory of this
// user (understudy in $XDG_RUNTIME_DIR, or else /tmp/understudy-UID), written
// before the queue is made, which holds the queue's key. The open file, locked,
// travels instead of a descriptor: whoever uses the queue holds it, and when the
// last holder is gone, the kernel takes the lock off. Then [Sweep], of this or
// any later program of the same user, removes the queue and the file. The processes
// of a program whose root is killed all let go of what they use, and the last one
// removes it ([Leave]). While
// somebody lives who knows that the queue is not needed any more, [Remove] does
// so at once. The registry exists only while this form is used.
//
// A queue is removed only when it is the one that the file speaks of: its key
// is a random number that no queue had before, it belongs to the file's owner
// and to nobody else, and it is not older than the file.
//
// No call waits (IPC_NOWAIT): there is no descriptor to poll, so a bell beside
// the queue says when to look. Types are the priorities of SysV queues: msgrcv
// with type -2 takes the oldest message of the lowest type up to 2. In a queue
// with priorities ([NewPrioritySender]) urgent messages have type 1 and others
// 2; in one without, all have type 1. The message format, and why no kill loses
// an entry without a record, are described in package kernelq, which all forms in
// the kernel share.
//
// Guarantees: no call waits; no name is left after any end but the death of all
// processes at once, and then until the next start of a program that looks into
// the same registry, if nobody has removed that meanwhile: into its own
// $XDG_RUNTIME_DIR, /tmp/understudy-UID and /run/user/UID. Non-goals: speed (a
// system call an entry), entries over [MaxEntry] bytes (they travel in blocks).
package sysv
