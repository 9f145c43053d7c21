package wire

// Resolve asks for a target, by ID or, when ID is 0, by name.
type Resolve struct {
	Token uint64 // comes back in Target
	ID    uint32
	Name  string
}

func (f *Resolve) fields(c *coder) {
	c.u64(&f.Token)
	c.u32(&f.ID)
	c.text(&f.Name)
}

// The states of a target.
const (
	TargetAlive   = 1 // running or restarting: its mailbox takes messages
	TargetGone    = 2 // ended for good
	TargetUnknown = 3 // never existed
	TargetPool    = 4 // stands for other actors, which a preceding Members lists
	TargetRefused = 5 // in answer to Group; Name says why
	TargetFull    = 6 // its mailbox holds too much of the asker's earlier incarnations
)

// Target answers Resolve.
type Target struct {
	Token   uint64
	State   uint8
	ID      uint32
	Name    string
	Mailbox Mailbox
	Exit    Exit // when gone
}

func (f *Target) fields(c *coder) {
	c.u64(&f.Token)
	c.u8(&f.State)
	c.u32(&f.ID)
	c.text(&f.Name)
	c.mailbox(&f.Mailbox)
	c.exit(&f.Exit)
}

// Gone says that a target has ended for good.
type Gone struct {
	ID   uint32
	Exit Exit
}

func (f *Gone) fields(c *coder) {
	c.u32(&f.ID)
	c.exit(&f.Exit)
}

// Back says that a target that was Gone exists again, or that a group was forgotten and
// has to be asked for again.
type Back struct{ ID uint32 }

func (f *Back) fields(c *coder) { c.u32(&f.ID) }

// Closed answers Gone and Leaving: this process sends nothing more in its lane to that
// target, so the lane's tail is final. From a supervisor, it says that the target reads
// nothing more from this process, which has broken the rules.
type Closed struct{ To uint32 }

func (f *Closed) fields(c *coder) { c.u32(&f.To) }
