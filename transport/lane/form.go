package lane

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/mq"
	"github.com/understudy-go/understudy/transport/pipe"
	"github.com/understudy-go/understudy/transport/seqpacket"
	"github.com/understudy-go/understudy/transport/sysv"
	"github.com/understudy-go/understudy/transport/wire"
)

// Form is a form of queue: one row of the table that lists them all.
// A ring lives in the send page. Any other form lives in the kernel and has
// one descriptor, which goes to the supervisor and from there to each
// incarnation of the receiver.
type Form struct {
	Name  string     // its name in configuration
	Queue wire.Queue // its number on the wire

	// Create makes a queue and returns its sending end and the descriptor of
	// its receiving end. nil: the queue is in the page.
	Create func(*transport.SendPage) (transport.Sender, *os.File, error)

	// CreatePriority is Create for a queue that delivers urgent entries before
	// all others. nil: this form has no priorities.
	CreatePriority func(*transport.SendPage) (transport.Prioritized, *os.File, error)

	// Receive opens the receiving end behind the descriptor f, which it owns
	// from then on. at is where the receiver goes on.
	Receive func(f *os.File, page *transport.RecvPage, at transport.Place) transport.Receiver

	// Record decodes the message that a receiver took last from the Taken
	// bytes of its page.
	Record func(taken []byte) (seq uint64, entry []byte, ok bool)

	// End removes a queue that would outlive its last descriptor. nil: this
	// form has none.
	End func(transport.File) error

	// Leave lets go of what would outlive this process; see the function Leave.
	// nil: nothing would.
	Leave func(all bool, elsewhere []string) error

	// Elsewhere finds what is used only by other processes; see the function
	// Elsewhere. nil: nothing can be.
	Elsewhere func(users func() (pids []int, ok bool)) []string

	// SweepUp removes what a process that has ended may have left, or, with
	// 0, whatever earlier programs have left. nil: this form leaves nothing.
	SweepUp func(pid int) error
}

// forms is the table of forms, the best first.
var forms = []Form{
	{Name: "ring", Queue: wire.QueueRing},
	{Name: "unix", Queue: wire.QueueUnix, Create: twoEnds(seqpacket.Create, seqpacket.NewSender),
		Receive: seqpacket.NewReceiver, Record: kernelq.Taken},
	{Name: "pipe", Queue: wire.QueuePipe, Create: twoEnds(pipe.Create, pipe.NewSender),
		Receive: pipe.NewReceiver, Record: kernelq.Taken},
	{Name: "sysv", Queue: wire.QueueSysv, Create: oneFile(sysv.Create, sysv.NewSender),
		CreatePriority: oneFile(sysv.CreatePriority, sysv.NewPrioritySender),
		Receive:        sysv.NewReceiver, Record: sysv.Taken,
		End: sysv.Remove, Leave: sysv.Leave, Elsewhere: sysv.Elsewhere, SweepUp: func(int) error { return sysv.Sweep() }},
	{Name: "posix", Queue: wire.QueuePosix, Create: oneFile(mq.Create, mq.NewSender),
		CreatePriority: oneFile(mq.CreatePriority, mq.NewPrioritySender),
		Receive:        mq.NewReceiver, Record: kernelq.Taken, SweepUp: func(int) error { return mq.Sweep() }},
}

// oneFile returns the Create of a form whose two ends share an open file.
func oneFile[S transport.Sender](create func() (*os.File, error), sender func(*os.File, *transport.SendPage) S) func(*transport.SendPage) (S, *os.File, error) {
	return func(page *transport.SendPage) (s S, receive *os.File, err error) {
		f, err := create()
		if err != nil {
			return s, nil, err
		}
		return sender(f, page), f, nil
	}
}

// twoEnds returns the Create of a form whose ends are separate open files.
func twoEnds(create func() (send, receive *os.File, err error), sender func(*os.File, *transport.SendPage) transport.Sender) func(*transport.SendPage) (transport.Sender, *os.File, error) {
	return func(page *transport.SendPage) (transport.Sender, *os.File, error) {
		send, receive, err := create()
		if err != nil {
			return nil, nil, err
		}
		return sender(send, page), receive, nil
	}
}

// Extend adds a form to the table of this process. Every process of the program
// must do so before it does anything else, for example in an init function.
// Numbers from 128 on are free for such forms. It serves to try out a form, and to
// add deliberately faulty ones in the tests of the conformance suite.
func Extend(f Form) { forms = append(forms, f) }

// FormOf returns the form whose number on the wire is q.
func FormOf(q wire.Queue) (*Form, error) {
	for i := range forms {
		if forms[i].Queue == q {
			return &forms[i], nil
		}
	}
	return nil, &transport.CorruptError{What: "form of a queue", Value: uint64(q), Limit: uint64(len(forms))}
}

// FormNamed returns the form of the given name.
func FormNamed(name string) (*Form, error) {
	var names []string
	for i := range forms {
		if forms[i].Name == name {
			return &forms[i], nil
		}
		names = append(names, strconv.Quote(forms[i].Name))
	}
	return nil, fmt.Errorf("lane: queue form %q: the forms are %q, %s", name, Auto, strings.Join(names, ", "))
}

// create makes a queue, with priorities or without.
func (f *Form) create(page *transport.SendPage, priority bool) (transport.Sender, *os.File, error) {
	if !priority {
		return f.Create(page)
	}
	if f.CreatePriority == nil {
		return nil, nil, fmt.Errorf("lane: the queue form %q has no priorities; %s have", f.Name, strings.Join(Prioritized(), ", "))
	}
	return f.CreatePriority(page)
}

// Prioritized returns the names of the forms that have priorities, the best first.
func Prioritized() (names []string) {
	for i := range forms {
		if forms[i].CreatePriority != nil {
			names = append(names, forms[i].Name)
		}
	}
	return names
}

// Receiver opens the receiving end of a queue in the kernel. It owns file. page is
// that of this incarnation, at the place where it goes on.
func (f *Form) Receiver(file *os.File, page *transport.RecvPage, at transport.Place) (transport.Receiver, error) {
	switch {
	case f.Receive == nil:
		return nil, fmt.Errorf("lane: the queue form %q is not in the kernel", f.Name)
	case f.CreatePriority == nil && (at.Urgent > 0 || at.CarryUrgent):
		return nil, &transport.CorruptError{What: "count of urgent entries in a queue without priorities", Value: at.Urgent}
	}
	return f.Receive(file, page, at), nil
}

// taken decodes the message that a receiver took last from its page; see "Queue
// forms in the kernel" in PROTOCOL.md. ok is false when it has taken none, and
// always for a ring, whose entries stay where they are.
func (f *Form) taken(page *transport.RecvPage) (seq uint64, entry []byte, ok bool) {
	if f.Record == nil {
		return 0, nil, false
	}
	return f.Record(page.Taken)
}

// Remove removes the queue behind file, with what is in it, if it would outlive its
// last descriptor. Whoever keeps a lane calls it before closing the last one. file
// stays the caller's.
func (f *Form) Remove(file transport.File) error {
	if f.End == nil {
		return nil
	}
	return f.End(file)
}

// Leave lets go of what would outlive this process. It is for a process that is about
// to end without the supervisor's usual clean-up: the supervisor is dead, or is this
// process itself. Leave removes what nobody else uses, and waits, for a second at
// most, until the other users of this process's queues have ended. If all is set, it
// waits for the users of any other queue, too: processes that this one has killed may
// be among them. It does not wait for what Elsewhere has found.
func Leave(all bool, elsewhere []string) error {
	var errs []error
	for i := range forms {
		if forms[i].Leave != nil {
			errs = append(errs, forms[i].Leave(all, elsewhere))
		}
	}
	return errors.Join(errs...)
}

// Elsewhere finds what would outlive its users and is in use, but not by the processes
// that users lists. A process calls it before it kills those, and hands the result to
// Leave. users returns false if it does not know them.
func Elsewhere(users func() (pids []int, ok bool)) (all []string) {
	for i := range forms {
		if forms[i].Elsewhere != nil {
			all = append(all, forms[i].Elsewhere(users)...)
		}
	}
	return all
}

// Sweep removes what an ended process may have left of any form: names that exist
// only for a moment. With pid 0 it removes what was left by programs whose
// processes have all ended; a program does that when it starts and when it stops.
func Sweep(pid int) error {
	var errs []error
	for i := range forms {
		if forms[i].SweepUp != nil {
			errs = append(errs, forms[i].SweepUp(pid))
		}
	}
	return errors.Join(errs...)
}
