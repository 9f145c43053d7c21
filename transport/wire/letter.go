package wire

// Letter reports a message that could not be delivered or handled.
type Letter struct {
	From   Addr
	To     uint32
	Type   uint64
	Size   uint64
	Reason uint8
	Seq    uint64 // in its lane, of a message that a handler has had or would have had; else 0
	Text   string
}

func (f *Letter) fields(c *coder) {
	c.addr(&f.From)
	c.u32(&f.To)
	c.u64(&f.Type)
	c.u64(&f.Size)
	c.u8(&f.Reason)
	c.u64(&f.Seq)
	c.text(&f.Text)
}

// The reasons of dead letters.
const (
	LetterHandlerError = 1 // an OnTell handler returned an error
	LetterUnhandled    = 2 // no handler takes the type
	LetterCorrupt      = 3 // the sender broke the rules
	LetterQuarantined  = 4 // it was in hand at a death
	LetterUnread       = 5 // its actor has ended for good
	LetterLost         = 6 // its lane was lost on the way or cannot be read, so what was in it is unknown
)
