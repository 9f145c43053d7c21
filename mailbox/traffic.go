package mailbox

// Traffic counts what a process has sent and what was answered, and what was lost
// without an error that says so.
type Traffic struct {
	Small, Large                uint64 // messages by the queue alone; with a segment
	Lent                        uint64 // of Large, those with lent buffers or files; the others were encoded into a block
	Whole                       uint64 // of Large, those in a segment of exactly their size
	SmallBytes, LargeBytes      uint64 // their payload bytes
	Replies, LargeReplies       uint64 // answers, likewise
	ReplyBytes, LargeReplyBytes uint64
	Dry                         uint64 // how often the blocks ran out
	Dropped                     uint64 // messages that were not sent, since the mailbox was full and its policy is Drop
	Late                        uint64 // answers that came after their asker had given up, as far as this process has seen them
	Skipped                     uint64 // asks that this process's actor did not handle, since the asker had given up or the deadline had passed
}

// Add adds x to t.
func (t *Traffic) Add(x Traffic) {
	t.Small += x.Small
	t.Large += x.Large
	t.Lent += x.Lent
	t.Whole += x.Whole
	t.SmallBytes += x.SmallBytes
	t.LargeBytes += x.LargeBytes
	t.Replies += x.Replies
	t.LargeReplies += x.LargeReplies
	t.ReplyBytes += x.ReplyBytes
	t.LargeReplyBytes += x.LargeReplyBytes
	t.Dry += x.Dry
	t.Dropped += x.Dropped
	t.Late += x.Late
	t.Skipped += x.Skipped
}

// Traffic returns the counts of this outbox.
func (o *Outbox) Traffic() Traffic {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Traffic{Small: o.small, Large: o.large, Lent: o.lent, Whole: o.whole, SmallBytes: o.bytes, LargeBytes: o.lentBytes + o.store.sent.Load(), Dry: o.store.Dry(),
		Replies: o.replies.Load(), ReplyBytes: o.replyBytes.Load(), LargeReplies: o.largeReplies.Load(), LargeReplyBytes: o.largeReplyBytes.Load()}
}
