package transport

// Prioritized is a Sender of a queue with priorities: an entry is urgent, or it
// is not. A Receiver gets the urgent ones first, and those of each class in the
// order of their commits.
type Prioritized interface {
	Sender

	// Urgent says whether the entries that are reserved from now on are
	// urgent. At first they are not. Commit then fails with ErrFull for an
	// entry that is not urgent while only the room is left that is kept for
	// those that are.
	Urgent(yes bool)
}

// UrgentBit in a sequence of Sender.Next says that it counts the urgent entries
// alone. Without it, a sequence counts those that are not urgent.
const UrgentBit = 1 << 63

// Place is how far a queue has been dealt with. A receiver begins at one, and
// leaves one behind.
type Place struct {
	Seq    uint64 // the sequence of the next entry on the receiver's scale: in a queue of the kernel, how many were dealt with
	Urgent uint64 // how many of these were urgent; 0 in a queue without priorities

	Carry       []byte // the next entry, if it has left the queue already
	CarryUrgent bool   // that one is urgent
}

// Before says whether the entry that Sender.Next has called seq was dealt with.
func (p Place) Before(seq uint64) bool {
	if seq&UrgentBit != 0 {
		return seq&^UrgentBit < p.Urgent
	}
	return seq < p.Seq-p.Urgent
}

// Next is what Sender.Next has called the next entry of a class.
func (p Place) Next(urgent bool) uint64 {
	if urgent {
		return p.Urgent | UrgentBit
	}
	return p.Seq - p.Urgent
}
