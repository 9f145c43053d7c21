package transporttest_test

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/transporttest"
	"github.com/understudy-go/understudy/transport/wire"
)

func TestMain(m *testing.M) { testutil.Main(m) }

func TestQueues(t *testing.T) {
	for name, f := range map[string]transporttest.Form{
		"ring futex":    {Queue: wire.QueueRing, Cells: 64 << 10, Notifier: "futex"},
		"ring eventfd":  {Queue: wire.QueueRing, Cells: 64 << 10, Notifier: "eventfd"},
		"posix futex":   {Queue: wire.QueuePosix, Notifier: "futex"},
		"unix futex":    {Queue: wire.QueueUnix, Notifier: "futex"},
		"pipe futex":    {Queue: wire.QueuePipe, Notifier: "futex"},
		"sysv futex":    {Queue: wire.QueueSysv, Notifier: "futex"},
		"posix eventfd": {Queue: wire.QueuePosix, Notifier: "eventfd"},
	} {
		t.Run(name, func(t *testing.T) { transporttest.Queue(t, f) })
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
		t.Run(s.Form.String(), func(t *testing.T) { transporttest.Segment(t, s.Form) })
	}
}
