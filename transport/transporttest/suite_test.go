package transporttest_test

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/transporttest"
	"github.com/understudy-go/understudy/transport/wire"
)

func TestMain(m *testing.M) { testutil.Main(m, supervisor.RunChild) }

// TestQueues runs every form once, and with UNDERSTUDY_LONG=1 every form with
// every notifier.
func TestQueues(t *testing.T) {
	for i, s := range lane.Probe() {
		if s.Form.Queue >= cheatNumber {
			continue
		}
		notifiers := []string{"futex", "eventfd"}
		if s.Form.Queue != wire.QueueRing && testutil.Rounds(1, 2) != 2 {
			notifiers = notifiers[i%2 : i%2+1]
		}
		for _, n := range notifiers {
			t.Run(s.Form.Name+" "+n, func(t *testing.T) {
				if s.Err != nil {
					testutil.Refused(t, s.Err)
				}
				f := transporttest.Form{Queue: s.Form.Queue, Notifier: n}
				if s.Form.Queue == wire.QueueRing {
					f.Cells = 64 << 10
				}
				transporttest.Queue(t, f)
			})
		}
	}
}

// TestLargeRing: a ring of which the sender goes round in the first part at times.
func TestLargeRing(t *testing.T) {
	transporttest.Bursts(t, transporttest.Form{Queue: wire.QueueRing, Cells: 1 << 20, Notifier: "futex"})
}

// TestUrgent runs every form that has priorities.
func TestUrgent(t *testing.T) {
	for i, s := range lane.Probe() {
		if s.Form.Queue >= cheatNumber || s.Form.CreatePriority == nil {
			continue
		}
		t.Run(s.Form.Name, func(t *testing.T) {
			if s.Err != nil {
				testutil.Refused(t, s.Err)
			}
			transporttest.Urgent(t, transporttest.Form{Queue: s.Form.Queue, Notifier: []string{"futex", "eventfd"}[i%2]})
		})
	}
}

// TestHeapRing is the in-memory fake, and what the race detector sees.
func TestHeapRing(t *testing.T) {
	transporttest.Pair(t, func(t *testing.T) transporttest.Ends { return heapRing(t, 16<<10) })
}

func heapRing(t testing.TB, cells int) transporttest.Ends {
	send, err := transport.NewSendPage(make([]byte, transport.SendPageHeader+cells), cells)
	if err != nil {
		t.Fatal(err)
	}
	recv, err := transport.NewRecvPage(make([]byte, transport.RecvPageBytes))
	if err != nil {
		t.Fatal(err)
	}
	s := ring.NewSender(send)
	r := ring.NewReceiver(send, recv.Head, 0)
	s.SetHead(recv.Head, 0)
	return transporttest.Ends{Sender: s, Receiver: r}
}

func TestSegments(t *testing.T) {
	for _, s := range segment.Probe() {
		t.Run(s.Form.String(), func(t *testing.T) { transporttest.Segment(t, s.Form.String()) })
	}
}
