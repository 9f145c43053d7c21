package main

import (
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/segment"
)

// The kinds of forms.
const (
	queue    = "queue"
	segments = "segment"
	notifier = "notifier"
)

// form is one stop of the tour.
type form struct {
	Kind, Name string
	What       string // an explanation for readers who do not know it
	Copies     int    // of each byte of a small message; of a segment, of a plain []byte
	Refused    error  // why this machine does not allow it
}

// descriptions is the catalogue, in the order of the tour.
var descriptions = []form{
	{Kind: queue, Name: "ring", Copies: 2, What: "A ring buffer in memory that both processes map: the sender writes an entry and moves the tail, " +
		"the receiver reads it and moves the head. While both are awake the kernel has no part in it. A byte is copied into the ring and out of it."},
	{Kind: queue, Name: "unix", Copies: 4, What: "A pair of connected sockets of type SOCK_SEQPACKET: each send is one packet, and packets stay apart and in order. " +
		"Each costs a system call at either end, and the kernel keeps a copy in between."},
	{Kind: queue, Name: "pipe", Copies: 4, What: "The oldest form: what is written at one end is read at the other. A pipe is a stream of bytes; " +
		"with O_DIRECT each write of up to a page stays one packet. The kernel copies into its pages and out of them."},
	{Kind: queue, Name: "sysv", Copies: 4, What: "A message queue of System V, made by msgget and used by msgsnd and msgrcv; the kernel keeps a list of messages, each with a type. " +
		"Types are its priorities: urgent messages get the lower one, and are received first. " +
		"It has no descriptor and outlives the processes that forget to remove it, so the library removes it."},
	{Kind: queue, Name: "posix", Copies: 4, What: "A message queue of POSIX, mq_open: a name, a fixed number of messages of a fixed size, and priorities, which urgent messages use. " +
		"The name is unlinked at once. By default a user gets few and small ones: larger messages leave in a segment, and only their address is queued."},

	{Kind: segments, Name: "memfd", Copies: 2, What: "Memory with a descriptor and no name. It is sealed: the kernel lets nobody but its maker write it, and nobody shrink it, " +
		"so that a peer can read it without fear. It is gone with its last user."},
	{Kind: segments, Name: "shm", Copies: 2, What: "Shared memory of POSIX: a file in /dev/shm, which is memory that looks like a directory. It has no name, or loses it at once. " +
		"Its size counts against that of /dev/shm, which is 64 MB in many containers."},
	{Kind: segments, Name: "file", Copies: 2, What: "An ordinary file that both processes map: what one writes into its memory, the other reads in its own. " +
		"On a disk the kernel also writes it there, in its own time. With a name of the caller's it can outlive the program."},
	{Kind: segments, Name: "sysv", Copies: 2, What: "Shared memory of System V: shmget makes it, shmat maps it, shmdt unmaps it, and shmctl marks it for removal, " +
		"which happens when the last process has let go. The library marks it at once."},

	{Kind: notifier, Name: "futex", Copies: 2, What: "A process sleeps on a word of shared memory until somebody changes it and wakes it: a system call for either, " +
		"and none when nobody sleeps. One call sleeps on the words of all peers (futex_waitv, Linux 5.16)."},
	{Kind: notifier, Name: "eventfd", Copies: 2, What: "A descriptor with a counter: writing adds to it, and whoever waits for it, with poll or epoll, wakes up. " +
		"In Go no thread has to wait: the runtime's poller does, for all descriptors at once."},
}

// catalogue is every form, and whether this machine allows it.
func catalogue() []form {
	refused := map[[2]string]error{}
	for _, s := range lane.Probe() {
		refused[[2]string{queue, s.Form.Name}] = s.Err
	}
	for _, s := range segment.Probe() {
		refused[[2]string{segments, s.Form.String()}] = s.Err
	}
	refused[[2]string{notifier, "futex"}] = try(notify.NewFutex)
	refused[[2]string{notifier, "eventfd"}] = try(notify.NewEventfd)
	all := append([]form(nil), descriptions...)
	for i := range all {
		all[i].Refused = refused[[2]string{all[i].Kind, all[i].Name}]
	}
	return all
}

func try(f func() (transport.Notifier, error)) error {
	n, err := f()
	if err != nil {
		return err
	}
	return n.Close()
}
