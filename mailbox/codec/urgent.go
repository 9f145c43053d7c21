package codec

// Urgent is a message that overtakes others of its sender, by the method of an
// embedded marker. A type has it or not, whatever the value.
type Urgent interface{ UnderstudyUrgent() }

// Urgent says that values are Urgent.
func (t *Type) Urgent() bool { return t.urgent }
