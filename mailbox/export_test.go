package mailbox

// Seq is the sequence of m's entry, which an in-flight word tells.
func (m *Message) Seq() uint64 { return m.entry.Seq }
