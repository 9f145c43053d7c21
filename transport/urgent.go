package transport

// Prioritized is a Sender of a queue with priorities: each entry is urgent or
// not. A Receiver gets urgent entries first, and those of each class in the
// order of their commits.
type Prioritized interface {
	Sender

	// Urgent sets whether the entries reserved from now on are urgent. At
	// first they are not. Some room is kept for urgent entries: while only
	// that is left, Commit fails with ErrFull for any other entry.
	Urgent(yes bool)
}

// UrgentBit, set in a sequence of Sender.Next, says that the sequence counts
// urgent entries only. Without it, it counts only those that are not urgent.
const UrgentBit = 1 << 63

// Place is how far a queue has been dealt with. A receiver begins at a Place and
// leaves one behind.
type Place struct {
	Seq    uint64 // the receiver's sequence of the next entry: in a kernel queue, the count of entries dealt with
	Urgent uint64 // how many of these were urgent; 0 in a queue without priorities

	Carry       []byte // the next entry, if it has left the queue already
	CarryUrgent bool   // whether Carry is urgent
}

// Before reports whether the entry whose Sender.Next was seq has been dealt with.
func (p Place) Before(seq uint64) bool {
	if seq&UrgentBit != 0 {
		return seq&^UrgentBit < p.Urgent
	}
	return seq < p.Seq-p.Urgent
}

// Next returns the Sender.Next of the next entry of a class.
func (p Place) Next(urgent bool) uint64 {
	if urgent {
		return p.Urgent | UrgentBit
	}
	return p.Seq - p.Urgent
}
