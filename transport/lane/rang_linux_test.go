package lane

import (
	"runtime"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// seeing is a notifier that looks at the word that says where it was called.
type seeing struct {
	transport.Notifier
	rang transport.Word
	saw  uint32
}

func (s *seeing) NewFD() (transport.File, error) { return nil, nil }
func (s *seeing) Wake(transport.Word, int) error { s.saw = s.rang.Load(); return nil }

// TestRang: who is woken finds where the other was, on both ends of a lane.
func TestRang(t *testing.T) {
	runtime.LockOSThread() // another thread may be elsewhere
	defer runtime.UnlockOSThread()
	n := &seeing{}
	out, _, _, err := Create(Config{Queue: wire.QueueRing, Cells: 1 << 12}, 1, n)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	page, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	in := &In{send: out.page, page: page, notifier: n}
	wakes := map[string]func(){
		"taking a page into use": func() { n.rang = out.page.Rang; out.Install(&Peer{Page: page}, 0) },
		"an answer": func() {
			n.rang = page.Rang
			out.page.Arm()
			in.Reply(0, 7, 0)
		},
		"a message": func() {
			n.rang = out.page.Rang
			page.Arm()
			out.Announce()
		},
	}
	for _, what := range []string{"taking a page into use", "an answer", "a message"} {
		for try := 0; ; try++ { // the kernel may move this thread meanwhile
			n.saw = 0
			before := notify.CPU()
			wakes[what]()
			if after := notify.CPU(); n.saw == before && n.saw != 0 {
				break
			} else if before == after || try == 100 {
				t.Fatalf("%s: rang on %d, by its own word, and was on %d", what, n.saw, before)
			}
		}
	}
	if in.Rang() != out.page.Rang.Load() {
		t.Error("the receiver reads another word")
	}
}
