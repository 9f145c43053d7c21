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
// A SysV queue belongs to nobody: it outlives every process and has no
// descriptor. So each queue has a file in the registry, a directory of this user
// (understudy in $XDG_RUNTIME_DIR, or else /tmp/understudy-UID). The file holds the
// queue's key and is written before the queue is made. The open file, locked,
// travels in place of a descriptor: every user of the queue holds it, and when the
// last one is gone, the kernel releases the lock. Then [Sweep], by this or any later
// program of the same user, removes the queue and the file. When the root of a
// program is killed, all its processes let go of their queues, and the last one
// removes them ([Leave]). As long as a process lives that knows that a queue is no
// longer needed, it removes the queue at once by [Remove]. The registry exists only
// while this form is used.
//
// A queue is removed only if it is the one that the file describes: its key is a
// random number that no queue had before, it belongs to the file's owner and to
// nobody else, and it is not older than the file.
//
// No call waits (IPC_NOWAIT). As there is no descriptor to poll, a bell beside the
// queue says when to look. Types are the priorities of SysV queues: msgrcv with type
// -2 takes the oldest message of the lowest type up to 2. In a queue with priorities
// ([NewPrioritySender]) urgent messages have type 1 and others type 2; in one
// without, all have type 1. The message format, and why no kill loses an entry
// without a record, are described in package kernelq, which all forms in the kernel
// share.
//
// Guarantees: no call waits. Nothing is left behind unless all processes die at once;
// then it stays until the next start of a program that looks into the same registry,
// if the registry still exists. A program looks into its own $XDG_RUNTIME_DIR,
// /tmp/understudy-UID and /run/user/UID. Non-goals: speed (each entry costs a system
// call), entries over [MaxEntry] bytes (they travel in blocks).
package sysv
