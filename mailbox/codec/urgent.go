package codec

// Urgent is a message that overtakes others of its sender. Its type gets the method from
// an embedded marker, so all values of a type are urgent, or none.
type Urgent interface{ UnderstudyUrgent() }

// Urgent reports whether values are Urgent.
func (t *Type) Urgent() bool { return t.urgent }
