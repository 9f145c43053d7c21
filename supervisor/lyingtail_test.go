package supervisor_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Lie makes a node open a lane to another one, in which there is nothing, although its
// tail says so.
type Lie struct {
	actor.Asks[Node, Me]
	To   uint32
	Form string
	Tail uint64
}

func lie(c *actor.Context, m Lie) (Me, error) {
	l, _, err := ownLink()
	if err != nil {
		return Me{}, err
	}
	defer l.Close()
	mem, err := segment.Create("lane", transport.SendPageHeader, segment.Options{Keepable: true})
	if err != nil {
		return Me{}, err
	}
	page, err := transport.NewSendPage(mem.Bytes(), 0)
	if err != nil {
		return Me{}, err
	}
	form, err := lane.FormNamed(m.Form)
	if err != nil {
		return Me{}, err
	}
	_, queue, err := form.Create(page)
	if err != nil {
		return Me{}, err
	}
	page.Tail.Store(m.Tail)
	open := &wire.Open{To: m.To, Queue: form.Queue, Size: transport.SendPageHeader}
	return Me{PID: os.Getpid()}, l.Send(wire.Append(nil, open), []transport.File{mem.File(), queue})
}

// TestTailThatLies: a process that says of a lane that there is something in it, when
// there is nothing, does not have the receiver killed by its watchdog.
func TestTailThatLies(t *testing.T) {
	for _, s := range lane.Probe() {
		if s.Err != nil {
			t.Logf("%s is refused by this machine: %v", s.Form.Name, s.Err)
			continue
		}
		if s.Form.Create == nil {
			continue // a ring's entries are in the same memory as its tail
		}
		for _, tail := range []uint64{5, 1 << 63} {
			t.Run(fmt.Sprintf("%s/%#x", s.Form.Name, tail), func(t *testing.T) {
				testutil.Audit(t)
				const limit = 100 * time.Millisecond
				closed := make(chan struct{}, 10)
				ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 10, OnLetter: func(l supervisor.Letter) {
					if l.Reason == supervisor.LetterCorrupt && l.Child == "other" {
						closed <- struct{}{}
					}
				}})
				bad := startNode(t, ctx, sup, supervisor.Child{Name: "bad"})
				other := startNode(t, ctx, sup, supervisor.Child{Name: "other", Watchdog: limit, Mailbox: mailbox.Config{Queue: s.Form.Name}})
				slow := startNode(t, ctx, sup, supervisor.Child{Name: "slow", Watchdog: 3 * limit})
				m := who(t, ctx, other)
				if _, err := actor.Ask(ctx, bad, Lie{To: other.ID, Form: s.Form.Name, Tail: tail}); err != nil {
					t.Fatal(err)
				}
				// By the time that another one's watchdog has ended, this one's would have.
				if _, err := actor.Ask(ctx, slow, Hold{}); err == nil {
					t.Error("a handler has returned that never does")
				}
				for _, e := range r.all() {
					if e.Kind == supervisor.EventHung && !strings.HasPrefix(e.Child, "slow") {
						t.Fatal(e)
					}
				}
				if int64(tail) > 0 {
					select {
					case <-closed:
					case <-ctx.Done():
						t.Fatal("the lane is not closed")
					}
				}
				if now := who(t, ctx, other); now != m {
					t.Errorf("it was %+v, and is %+v", m, now)
				}
			})
		}
	}
}
