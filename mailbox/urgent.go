package mailbox

import (
	"errors"
	"fmt"
	"strings"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// Urgent marks a message that overtakes those of its sender that are not urgent:
// embed it in the message's type. It takes no space, neither in memory nor on the
// way. The mailbox must have Config.Priorities. A message with a File cannot be
// urgent: to send one fails with ErrUrgentFile.
type Urgent struct{}

// UnderstudyUrgent makes the codec know the messages that embed u.
func (Urgent) UnderstudyUrgent() {}

// PriorityError says that priorities were wanted where there are none.
type PriorityError struct {
	What  string   // that wants them: the type of a message, or the word of configuration
	Queue string   // form of the queue that has none, or that was made without
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

// NoPriority is the error of an urgent message of type t to a mailbox that cfg
// describes, or nil if it has priorities.
func NoPriority(t *codec.Type, cfg wire.Mailbox) error {
	if !t.Urgent() || cfg.Priority != 0 {
		return nil
	}
	return &PriorityError{What: "urgent message " + t.Name(), Queue: queueName(cfg.Queue), Forms: lane.Prioritized()}
}

// ErrUrgentFile says that a file would be closed under the message that it
// belongs to.
var ErrUrgentFile = errors.New("mailbox: a file cannot travel with an urgent message: files arrive in the order sent, and this one would overtake those of others; send it with a message that is not urgent")

// queueName is the word of configuration for a form.
func queueName(q wire.Queue) string {
	if f, err := lane.FormOf(q); err == nil {
		return f.Name
	}
	return fmt.Sprint(uint8(q))
}

// priority is the form of c's queues, which have priorities: the one that is
// named, or the first that the machine allows.
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

// chosen says that c leaves the form of queue to be chosen.
func (c Config) chosen() bool { return c.Queue == "" || c.Queue == lane.Auto }

// QueueOr is c with the form of queue of that name, unless c names one or has
// Priorities and that form has none.
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

// UrgentWaits says that an urgent message waits for room here, or no longer does.
// While one does, no other gets a block.
func (o *Outbox) UrgentWaits(yes bool) {
	if yes {
		o.store.first.Add(1)
	} else {
		o.store.first.Add(-1)
	}
}
