// Package sys is the only place in the library that makes raw system calls and knows
// their numbers and structures. Packages call what golang.org/x/sys already wraps
// directly.
//
//	futex      sleep on one word that another process changes, or on up to 128
//	           (Linux 5.16), and wake the sleepers
//	mq, msg    the POSIX and the SysV message queues
//	packet     packets of sockets and pipes, without waiting
//	memfd      anonymous memory with seals, populated before it is used; room
//	           reserved in any file
//	landlock   rights that a thread gives up, system calls that it is denied
//	limits     which limit of the machine an error is about
//	yield      let other processes have this core
//	FD         a descriptor, held open while it is used
//	Briefly    closes of what a peer has made, which may not wait for the peer
//
// A call that can sleep goes through unix.Syscall, so that the Go scheduler
// knows of it and a garbage collection never waits for it. A call that cannot
// sleep, whatever a peer does, goes through unix.RawSyscall, which saves about
// 50 ns; each says why it cannot.
//
// Guarantees: no call keeps a pointer after it has returned; EINTR is either retried
// or returned, as each function says; sending, receiving and waking allocate nothing.
//
// Non-goals: policy, types of the layers above, other systems than Linux.
package sys
