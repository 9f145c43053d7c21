// Package mailbox is one message's way out and in: how large it is, where it
// goes, how it is written there; and at the other end how it is checked, read
// and given back. It sees values and bytes, and no processes.
//
//	Send: size ─┬─ small ─► encode into the reserved entry ──────► ring
//	            └─ large ─► encode into a block, entry names it ─► ring
//
//	Next: check ─► in hand ─► Decode (a copy, or a view of lent buffers)
//	                             │ handler
//	Done: blocks go back ◄───────┘
//
// An Outbox is this process's way into one mailbox, an Inbox what one sender
// has put into this actor's. A mailbox is the set of inboxes of one actor. Every
// message takes one entry of the queue, small or large, so messages of one
// sender never overtake each other. The threshold between the two is
// Config.Inline, in one place. Choice says which way a message takes and why,
// Traffic counts the messages of each way, and Measure finds on this machine
// where one way becomes better than another.
//
// A message that embeds Urgent overtakes those of its sender that do not, where
// the mailbox has Config.Priorities: its queue is then of a form of the kernel
// that has priorities by itself.
//
// A Buffer is a field of a message that is not copied at all: it is lent from a
// segment of the sender, written in place, sent, read in place, and given back.
//
// # Guarantees
//
// When Send returns nil, the message is visible in memory that the supervisor
// holds. Nothing that a sender wrote is believed: headers are read once and
// checked, blocks are index times size of what was announced. A flat message is
// sent and received without allocation.
//
// # Non-goals
//
// A mailbox does not wait: ErrFull is an answer, and what to do then is the
// caller's (package actor waits, fails or drops as Config.Full says). A sender
// can still write a block that it has lent: processes of one program trust each
// other that far.
package mailbox
