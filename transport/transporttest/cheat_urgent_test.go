package transporttest_test

import (
	"os"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/transporttest"
	"github.com/understudy-go/understudy/transport/wire"
)

// urgentCheats are queues with priorities that break one rule each, and the case
// of the suite that must see it.
var urgentCheats = []struct {
	name, seen string // seen "": an honest one
	bend       func(transport.Prioritized) transport.Prioritized
}{
	{"honest priorities", "", func(s transport.Prioritized) transport.Prioritized { return s }},
	{"nothing overtakes", "overtakes", func(s transport.Prioritized) transport.Prioritized { return level{s, false} }},
	{"keeps no room", "room", func(s transport.Prioritized) transport.Prioritized { return level{s, true} }},
}

// level sends all entries as one class.
type level struct {
	transport.Prioritized
	urgent bool
}

func (l level) Urgent(bool) { l.Prioritized.Urgent(l.urgent) }

// urgentNumber is the wire number of the first of them.
const urgentNumber = cheatNumber + 30

func init() {
	f, err := lane.FormNamed("posix")
	if err != nil {
		panic(err)
	}
	for i, c := range urgentCheats {
		bent := *f
		bent.Name, bent.Queue = c.name, wire.Queue(urgentNumber+i)
		bent.CreatePriority = func(page *transport.SendPage) (transport.Prioritized, *os.File, error) {
			s, file, err := f.CreatePriority(page)
			if err != nil {
				return nil, nil, err
			}
			return c.bend(s), file, nil
		}
		lane.Extend(bent)
	}
}

// TestUrgentCheat runs the suite over a cheater, in a process of its own.
func TestUrgentCheat(t *testing.T) {
	for i, c := range urgentCheats {
		if os.Getenv(cheatVar) == c.name {
			transporttest.Urgent(t, transporttest.Form{Queue: wire.Queue(urgentNumber + i), Notifier: "futex"})
		}
	}
}

// TestUrgentCheatersFail: the suite sees each cheat, by the case that is about
// it.
func TestUrgentCheatersFail(t *testing.T) {
	for _, c := range urgentCheats {
		t.Run(c.name, func(t *testing.T) {
			seesCheat(t, "TestUrgentCheat", c.name, c.seen, "(overtakes|room|sender_closes)")
		})
	}
}
