package mailbox

import (
	"errors"
	"fmt"
	"strings"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// Urgent, embedded in the type of a message, makes the message overtake those of its
// sender that are not urgent. It takes no space, neither in memory nor on the wire. The
// mailbox must have Config.Priorities. A message with a File cannot be urgent: sending
// one fails with ErrUrgentFile.
type Urgent struct{}

// UnderstudyUrgent lets the codec recognize messages that embed Urgent.
func (Urgent) UnderstudyUrgent() {}

// PriorityError says that something needs priorities that a queue does not have.
type PriorityError struct {
	What  string   // what needs them: the type of a message, or the field of Config
	Queue string   // form of the queue, which has none, or was made without
	Forms []string // forms that have priorities
}

func (e *PriorityError) Error() string {
	var names []string
	for _, n := range e.Forms {
		names = append(names, fmt.Sprintf("%q", n))
	}
	return fmt.Sprintf("mailbox: %s: the mailbox, whose queue is %q, has no priorities; set mailbox.Config.Priorities of its actor, and leave Queue to be chosen, or name one of %s",
		e.What, e.Queue, strings.Join(names, ", "))
}

// NoPriority returns a *PriorityError if t is urgent and the mailbox that cfg describes
// has no priorities, and otherwise nil.
func NoPriority(t *codec.Type, cfg wire.Mailbox) error {
	if !t.Urgent() || cfg.Priority != 0 {
		return nil
	}
	return &PriorityError{What: "urgent message " + t.Name(), Queue: queueName(cfg.Queue), Forms: lane.Prioritized()}
}

// ErrUrgentFile says that an urgent message has a file. Files arrive in the order sent,
// so this one would overtake, and thereby close, those of earlier messages.
var ErrUrgentFile = errors.New("mailbox: a file cannot travel with an urgent message: files arrive in the order sent, and this one would overtake those of others; send it with a message that is not urgent")

// queueName returns the name of a form in configuration.
func queueName(q wire.Queue) string {
	if f, err := lane.FormOf(q); err == nil {
		return f.Name
	}
	return fmt.Sprint(uint8(q))
}

// priority returns the form of c's queues, which need priorities: the one that c names,
// or the first such one that the machine allows.
func (c Config) priority() (wire.Queue, error) {
	if !c.chosen() {
		f, err := lane.FormNamed(c.Queue)
		if err == nil && f.CreatePriority == nil {
			err = &PriorityError{What: "Config.Priorities", Queue: c.Queue, Forms: lane.Prioritized()}
		}
		if err != nil {
			return 0, err
		}
		return f.Queue, nil
	}
	f, err := lane.BestPrioritized()
	if err != nil {
		return 0, fmt.Errorf("mailbox: Config.Priorities: %w", err)
	}
	return f.Queue, nil
}

// chosen reports whether c names no form of queue, so that one is chosen.
func (c Config) chosen() bool { return c.Queue == "" || c.Queue == lane.Auto }

// QueueOr returns c with the form of queue of that name, unless c names one, or needs
// priorities that the form does not have.
func (c Config) QueueOr(name string) Config {
	if c.Queue != "" {
		return c
	}
	if f, err := lane.FormNamed(name); c.Priorities && err == nil && f.CreatePriority == nil {
		return c
	}
	c.Queue = name
	return c
}

// UrgentWaits records that an urgent message begins, or ends, to wait for room here.
// While one waits, no other message gets a block.
func (o *Outbox) UrgentWaits(yes bool) {
	if yes {
		o.store.urgent.Add(1)
	} else {
		o.store.urgent.Add(-1)
	}
}
