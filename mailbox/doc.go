// Package mailbox takes a message from its sender to its receiver: it measures and
// encodes the message and decides how it travels, and at the other end checks and
// decodes it, and gives its memory back. It deals with values and bytes, not with
// processes.
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
//   - [Config], in the field Mailbox of supervisor.Child, configures an actor's mailbox:
//     form of queue and segment, sizes, what happens when it is full, redelivery,
//     priorities.
//   - [Buffer], [File] and [Urgent] are parts of messages; package actor has them by
//     the same names. A Buffer is not copied at all: it is lent from a segment of the
//     sender, written in place, sent, read in place, and given back.
//   - [Choice] says which way a message takes and why, see actor.Explain; [Traffic]
//     counts the messages of each way; [Measure] finds the size from which on one way is
//     better than another on this machine.
//   - [RemoteError], [PriorityError], [ErrFull], [ErrUnhandled], [ErrUrgentFile] and
//     [ErrBufferDead] are its errors.
//
// Everything else is for package actor, which is built on it.
//
// # How it is built
//
// An [Outbox] is this process's sending end to one mailbox. An [Inbox] is the part of
// this actor's mailbox that one sender fills; the mailbox is the set of the actor's
// inboxes. Every message, small or large, takes one entry of the queue, so the messages
// of one sender never overtake each other. Config.Inline is the size that divides small
// from large. Only messages that embed Urgent overtake others of their sender, if the
// mailbox has Config.Priorities: then the form of its queue has priorities in the
// kernel.
//
// A message's path through the files:
//
//	out   tell.go, tell_lent.go (most messages) · outbox.go (all others)
//	      pack.go, leave.go (messages with blocks: made; leaving) · store.go, lease.go (the blocks)
//	      file.go (descriptors) · cast.go, shared.go (to several at once)
//	in    run.go, run_lent.go (most messages) · inbox.go (all others) · giveback.go (the blocks)
//	back  reply.go (replies) · peer.go (replies at the asker) · remote.go (errors) · late.go (replies that nobody waits for)
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
