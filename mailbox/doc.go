// Package mailbox is one message's way out and in: how large it is, where it goes,
// how it is written there; and at the other end how it is checked, read and given
// back. It sees values and bytes, and no processes.
//
//	Send: size ─┬─ small ─► encode into the reserved entry ──────► ring
//	            └─ large ─► encode into a block, entry names it ─► ring
//
//	Next: check ─► in hand ─► Decode (a copy, or a view of lent buffers)
//	                             │ handler
//	Done: blocks go back ◄───────┘
//
// # What a program uses of it
//
//   - [Config], in the field Mailbox of supervisor.Child, says how an actor's mailbox
//     is made: form of queue and segment, sizes, what happens when it is full,
//     redelivery, priorities.
//   - [Buffer], [File] and [Urgent] are parts of messages; package actor has them by
//     the same names. A Buffer is not copied at all: it is lent from a segment of the
//     sender, written in place, sent, read in place, and given back.
//   - [Choice] says which way a message takes and why, see actor.Explain; [Traffic]
//     counts the messages of each way; [Measure] finds on this machine from which size
//     on one way is better than another.
//   - [RemoteError], [PriorityError], [ErrFull], [ErrUnhandled], [ErrUrgentFile] and
//     [ErrBufferDead] are its errors.
//
// Everything else is for package actor, which is built from it.
//
// # How it is built
//
// An [Outbox] is this process's way into one mailbox. An [Inbox] is what one sender has
// put into this actor's mailbox; the mailbox is the set of the actor's inboxes. Every
// message takes one entry of the queue, small or large, so the messages of one sender
// never overtake each other. Config.Inline is the size that divides small from large.
// Messages that embed Urgent do overtake those of their sender that do not, if the
// mailbox has Config.Priorities: its queue is then of a form that has priorities in
// the kernel.
//
// A message's way through the files:
//
//	out   tell.go, tell_lent.go (most messages) · outbox.go (all others) · pack.go (what has blocks)
//	      store.go, lease.go (the blocks) · file.go (descriptors) · cast.go, shared.go (to several at once)
//	in    run.go, run_lent.go (most messages) · inbox.go (all others, and the replies)
//	back  peer.go (replies at the asker) · remote.go (errors) · late.go (replies that nobody waits for)
//
// # Guarantees
//
// When Send returns nil, the message is in memory that the supervisor holds. Nothing
// that a sender has written is used unchecked: headers are read once and checked, and
// the place of a block is computed from its index and the announced size. A message
// without pointers is sent and received without allocation.
//
// # Non-goals
//
// A mailbox does not wait: it returns ErrFull, and its caller decides what to do
// (package actor waits, fails or drops, as Config.Full says). A sender can still write
// a block that it has lent: processes of one program trust each other that far.
package mailbox
