package wire

import "time"

// Begin tells a process who it is. It is the first frame that a process receives.
type Begin struct {
	Version    uint32
	Self       Addr
	Name       string // of the child
	Definition string // of the actor that it runs
	Mailbox    Mailbox
}

func (f *Begin) fields(c *coder) {
	c.u32(&f.Version)
	c.addr(&f.Self)
	c.text(&f.Name)
	c.text(&f.Definition)
	c.mailbox(&f.Mailbox)
}

// Ready says that Setup has returned without error.
type Ready struct{}

func (f *Ready) fields(*coder) {}

// Failed says that the start failed, and why. The process exits.
type Failed struct{ Text string }

func (f *Failed) fields(c *coder) { c.text(&f.Text) }

// Types names the types that a process handles and answers with, so that a death
// notice can name the type of its last message, and two builds can be compared before
// one replaces the other.
type Types struct{ Types []TypeName }

// TypeName is a type's identity and its name.
type TypeName struct {
	ID   uint64
	Name string
}

func (f *Types) fields(c *coder) {
	n := uint16(len(f.Types))
	c.u16(&n)
	for i := range int(n) {
		if !c.write {
			if c.short {
				return
			}
			f.Types = append(f.Types, TypeName{})
		}
		c.u64(&f.Types[i].ID)
		c.text(&f.Types[i].Name)
	}
}

// Stop asks a process to end after the message in hand.
type Stop struct{ Reason string }

func (f *Stop) fields(c *coder) { c.text(&f.Reason) }

// Exiting declares a reason for exiting that a wait status cannot express. It is
// believed only with exit code 0.
type Exiting struct{ Reason string }

func (f *Exiting) fields(c *coder) { c.text(&f.Reason) }

// The reasons that Exiting declares. ReasonShutdown may be followed by a colon, a
// space and a word of the program: OTP's {shutdown, X}.
const (
	ReasonNormal   = "normal"
	ReasonShutdown = "shutdown"
	ReasonIgnore   = "ignore"   // the start is not wanted
	ReasonReplaced = "replaced" // its successor takes over; also a reason of Stop
)

// Ended says how a command ended. Its guardian sends it and then exits.
type Ended struct {
	PID    int64
	Code   int64 // or -1
	Signal uint8 // or 0
	Core   uint8
	CPU    time.Duration // user and system
	MaxRSS uint64        // bytes
}

func (f *Ended) fields(c *coder) {
	c.i64(&f.PID)
	c.i64(&f.Code)
	c.u8(&f.Signal)
	c.u8(&f.Core)
	c.duration(&f.CPU)
	c.u64(&f.MaxRSS)
}
