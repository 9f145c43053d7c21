package mailbox

import (
	"fmt"
	"strings"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// Way is how the payload of a message travels.
type Way uint8

// The ways. Measure compares their costs.
const (
	WayInline Way = iota + 1 // in the queue's entry: copied into it and out of it
	WayBlock                 // in a block of the sender's segment: copied into it and out of it
	WayLent                  // in lent buffers: written and read in place
	WayWhole                 // in a segment of exactly its size, made for it: over Config.PoolBytes
	WayNone                  // not at all: over Config.MaxBytes
)

var ways = [...]string{WayInline: "inline", WayBlock: "block", WayLent: "lent", WayWhole: "whole", WayNone: "none"}

// String returns the way in one word.
func (w Way) String() string {
	if int(w) < len(ways) && ways[w] != "" {
		return ways[w]
	}
	return fmt.Sprintf("way %d", uint8(w))
}

// Choice is the way of a message to a mailbox, and why it takes that way.
type Choice struct {
	Way  Way
	Size int    // bytes of the encoded payload or, for WayLent, of the lent buffers
	Why  string // for people: the numbers that decided, and what changes them

	Queue    string // form of the mailbox's queue
	WhyQueue string // for people: why it is this one, as far as a sender knows
	Urgent   bool   // the message overtakes those of its sender that are not urgent
}

// String returns the choice as a sentence.
func (c Choice) String() string {
	return fmt.Sprintf("%s: %s; queue %s: %s", c.Way, c.Why, c.Queue, c.WhyQueue)
}

// choose returns how a payload of n encoded bytes travels to the mailbox of o. It
// decides as Send does, by the same two numbers.
func (o *Outbox) choose(n int) Choice {
	c := Choice{Way: WayInline, Size: n}
	c.Queue, c.WhyQueue = queueName(o.Config.Queue), o.whyQueue()
	switch limit, err := o.store.Largest(), o.store.Fits(n); {
	case err != nil:
		c.Way, c.Why = WayNone, err.Error()
	case n <= o.inline:
		c.Why = fmt.Sprintf("%d bytes fit into an entry, which holds %s", n, o.inlineText())
	case n <= limit:
		c.Way = WayBlock
		c.Why = fmt.Sprintf("%d bytes are over what travels in an entry, %s; a block can have %d", n, o.inlineText(), limit)
	default:
		c.Way = WayWhole
		c.Why = fmt.Sprintf("%d bytes are over the largest block, %d (Config.PoolBytes); the mailbox allows %d (Config.MaxBytes)", n, limit, o.store.max)
	}
	return c
}

// whyQueue returns why the mailbox has its form of queue.
func (o *Outbox) whyQueue() string {
	switch o.Config.Priority {
	case wire.PriorityChosen:
		return fmt.Sprintf("Config.Priorities: the first of %s that the machine allows; no other form lets messages overtake", strings.Join(lane.Prioritized(), " and "))
	case wire.PriorityNamed:
		return "Config.Queue, or UNDERSTUDY_QUEUE, names it; it has the priorities of Config.Priorities"
	}
	return "Config.Queue, or UNDERSTUDY_QUEUE, names it, or it is the first that the machine allows"
}

// inlineText describes the threshold and where it comes from.
func (o *Outbox) inlineText() string {
	from := "Config.Inline, the default"
	switch {
	case o.inline < int(o.Config.Inline):
		from = "what an entry of this form of queue has room for"
	case o.Config.Inline != DefaultInline:
		from = "Config.Inline"
	}
	return fmt.Sprintf("%d (%s)", o.inline, from)
}

// ChooseFor returns how what m, a pointer, points to would travel to the mailbox of o. It
// encodes m if it must to learn its size, and sends nothing.
func ChooseFor(o *Outbox, t *codec.Type, m any) (c Choice, err error) {
	if err := NoPriority(t, o.Config); err != nil {
		return c, err
	}
	c, err = chooseFor(o, t, m)
	c.Urgent = t.Urgent()
	return c, err
}

func chooseFor(o *Outbox, t *codec.Type, m any) (Choice, error) {
	var n int
	if t.Custom() || t.Lends() {
		var lent codec.Lent
		b, err := codec.Append(t, nil, m, &lent)
		if err != nil {
			return Choice{}, err
		}
		if lent.N > 0 {
			return o.chooseLent(&lent, len(b)), nil
		}
		n = len(b)
	} else {
		var err error
		if n, err = codec.Size(t, m); err != nil {
			return Choice{}, err
		}
	}
	return o.choose(n), nil
}

// chooseLent returns the choice for a message with lent items and n encoded bytes.
func (o *Outbox) chooseLent(lent *codec.Lent, n int) Choice {
	c := Choice{Way: WayLent, Queue: queueName(o.Config.Queue), WhyQueue: o.whyQueue()}
	copied := 0
	for i := range lent.N {
		if l, ok := lent.Item[i].(*lease); ok {
			n := int(lent.Mark[i].Length)
			c.Size += n
			if l.from != o.store && (l.set == nil || !l.set.has(o.store)) {
				copied += n
			}
		}
	}
	c.Why = fmt.Sprintf("%d items lie in blocks or are descriptors, and are not encoded; the other %d bytes: %v", lent.N, n, o.choose(n).Way)
	if copied > 0 {
		c.Why += fmt.Sprintf("; %d bytes were lent for another mailbox and are copied into blocks of this one", copied)
	}
	return c
}
