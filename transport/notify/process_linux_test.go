package notify

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sock"
)

// patience is how long a process waits for a wake-up that must come. It is
// there so that a lost one fails the test instead of hanging it.
const patience = testutil.HangGuard

var forms = map[string]func() (transport.Notifier, error){"futex": NewFutex, "eventfd": NewEventfd}

// newNotifier is a notifier of the form, or the reason to skip.
func newNotifier(t testing.TB, form string) transport.Notifier {
	t.Helper()
	n, err := forms[form]()
	if err != nil {
		testutil.Refused(t, err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// side is one process of two that ring each other's bells.
type side struct {
	n        transport.Notifier
	mine     *transport.SendPage // written here
	theirs   *transport.SendPage // read-only here
	mem, ro  *segment.Memory
	fd       transport.File // by which the peer wakes this side, or nil
	peerFD   *os.File       // by which this side wakes the peer, or nil
	link     transport.Link
	seen     uint32
	bells    [1]transport.Bell
	slept    int
	tookLong time.Duration
}

// meet makes a page, exchanges pages and eventfds over the link.
func meet(n transport.Notifier, l transport.Link) (*side, error) {
	s := &side{n: n, link: l}
	var err error
	if s.mem, err = segment.Create("page", transport.SendPageHeader, segment.Options{}); err != nil {
		return nil, err
	}
	if s.mine, err = transport.NewSendPage(s.mem.Bytes(), 0); err != nil {
		return nil, err
	}
	files := []transport.File{s.mem.File()}
	if s.fd, err = n.NewFD(); err != nil {
		return nil, err
	}
	if s.fd != nil {
		files = append(files, s.fd)
	}
	if err := l.Send([]byte("page"), files); err != nil {
		return nil, err
	}
	_, got, err := l.Receive(make([]byte, 10))
	if err != nil {
		return nil, err
	}
	if len(got) == 2 {
		s.peerFD = got[1].(*os.File)
	}
	if s.ro, err = segment.Open(got[0], transport.SendPageHeader); err != nil {
		return nil, err
	}
	s.theirs, err = transport.OpenSendPage(s.ro.Bytes(), 0)
	return s, err
}

func (s *side) close() {
	if s.fd != nil {
		s.fd.Close()
	}
	if s.peerFD != nil {
		s.peerFD.Close()
	}
	s.mem.Close()
	s.ro.Close()
	s.link.Close()
}

// ring changes this side's bell and wakes the peer if it sleeps.
func (s *side) ring() error {
	s.mine.Bell.Add(1)
	if s.theirs.State.Load()&transport.StateArmed == 0 {
		return nil
	}
	fd := -1
	if s.peerFD != nil {
		fd = int(s.peerFD.Fd())
	}
	return s.n.Wake(s.mine.Bell, fd)
}

// wait returns when the peer's bell has changed since the last wait.
func (s *side) wait() error {
	s.mine.State.Store(transport.StateArmed)
	defer s.mine.State.Store(0)
	s.bells[0] = transport.Bell{Word: s.theirs.Bell, Seen: s.seen, FD: -1}
	for s.theirs.Bell.Load() == s.seen {
		begin := time.Now()
		if err := s.n.Wait(s.bells[:], patience); err != nil {
			return err
		}
		s.slept++
		if d := time.Since(begin); d > s.tookLong {
			s.tookLong = d
		}
	}
	if s.tookLong >= patience {
		return fmt.Errorf("a wake-up was lost: the bell went from %d to %d and nobody said so", s.seen, s.theirs.Bell.Load())
	}
	s.seen = s.theirs.Bell.Load()
	return nil
}

var (
	_ = testutil.HelperErr("answer futex", func(c *testutil.Child) error { return answer(c, "futex") })
	_ = testutil.HelperErr("answer eventfd", func(c *testutil.Child) error { return answer(c, "eventfd") })
	_ = testutil.HelperErr("flood futex", func(c *testutil.Child) error { return flood(c, "futex") })
	_ = testutil.HelperErr("flood eventfd", func(c *testutil.Child) error { return flood(c, "eventfd") })
	_ = testutil.HelperErr("hostile", hostile)
)

func helperSide(c *testutil.Child, form string) (*side, error) {
	l, err := sock.New(c.File(0))
	if err != nil {
		return nil, err
	}
	n, err := forms[form]()
	if err != nil {
		return nil, err
	}
	return meet(n, l)
}

// watch interrupts the notifier when the link has come to its end.
func (s *side) watch() (gone func() bool) {
	done := make(chan struct{})
	go func() {
		_, _, err := s.link.Receive(make([]byte, 10))
		if errors.Is(err, io.EOF) {
			close(done)
			s.n.Interrupt()
		}
	}()
	return func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// answer rings back whenever it hears a bell, until the link ends. Most answers
// are there before the other side has gone to sleep, on some machines all that
// come at once; so every tenth one is late.
func answer(c *testutil.Child, form string) error {
	s, err := helperSide(c, form)
	if err != nil {
		return err
	}
	gone := s.watch()
	for answers := 0; !gone(); {
		s.mine.State.Store(transport.StateArmed)
		if s.theirs.Bell.Load() == s.seen {
			s.bells[0] = transport.Bell{Word: s.theirs.Bell, Seen: s.seen, FD: -1}
			if err := s.n.Wait(s.bells[:], 0); err != nil {
				return err
			}
		}
		s.mine.State.Store(0)
		if now := s.theirs.Bell.Load(); now != s.seen {
			s.seen = now
			if answers++; answers%10 == 0 {
				time.Sleep(time.Millisecond)
			}
			if err := s.ring(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flood rings its bell as fast as it can, until the link ends.
func flood(c *testutil.Child, form string) error {
	s, err := helperSide(c, form)
	if err != nil {
		return err
	}
	gone := s.watch()
	for !gone() {
		if err := s.ring(); err != nil {
			return err
		}
	}
	return nil
}

// startSide starts a helper and meets it.
func startSide(t testing.TB, n transport.Notifier, name string) *side {
	t.Helper()
	a, b, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := sock.New(a)
	if err != nil {
		t.Fatal(err)
	}
	c := testutil.Start(t, name, testutil.Spec{Files: []*os.File{b}})
	b.Close()
	s, err := meet(n, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.close()
		c.Succeeds()
	})
	return s
}

// TestPingPong bounces wake-ups between two processes that both sleep on a
// page which they can only read, in each pair of forms.
func TestPingPong(t *testing.T) {
	rounds := testutil.Rounds(300, 20_000)
	for _, here := range []string{"futex", "eventfd"} {
		for _, there := range []string{"futex", "eventfd"} {
			t.Run(here+" and "+there, func(t *testing.T) {
				testutil.Audit(t)
				s := startSide(t, newNotifier(t, here), "answer "+there)
				begin, done := time.Now(), 0
				for ; done < rounds || s.slept == 0 && time.Since(begin) < patience; done++ {
					if err := s.ring(); err != nil {
						t.Fatal(err)
					}
					if err := s.wait(); err != nil {
						t.Fatal(err)
					}
				}
				t.Logf("slept %d times in %d rounds, longest %v", s.slept, done, s.tookLong)
				if s.slept == 0 {
					t.Error("this process never slept: nothing was tested")
				}
			})
		}
	}
}

// TestFlood: against a peer that rings without a pause, going to sleep never
// misses a ring.
func TestFlood(t *testing.T) {
	for form := range forms {
		t.Run(form, func(t *testing.T) {
			testutil.Audit(t)
			s := startSide(t, newNotifier(t, form), "flood "+form)
			for range testutil.Rounds(300, 20_000) {
				if err := s.wait(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestManyPeers: a process that sleeps on many bells wakes for each.
func TestManyPeers(t *testing.T) {
	for form := range forms {
		t.Run(form, func(t *testing.T) {
			testutil.Audit(t)
			n := newNotifier(t, form)
			const peers = 5
			var sides []*side
			bells := make([]transport.Bell, peers)
			for range peers {
				sides = append(sides, startSide(t, n, "answer "+form))
			}
			for i := range testutil.Rounds(100, 5000) {
				s := sides[i*7%peers]
				s.mine.State.Store(transport.StateArmed) // the one page that this peer looks at
				if err := s.ring(); err != nil {
					t.Fatal(err)
				}
				for k, s := range sides {
					bells[k] = transport.Bell{Word: s.theirs.Bell, Seen: s.seen, FD: -1}
				}
				begin := time.Now()
				for s.theirs.Bell.Load() == s.seen {
					if err := n.Wait(bells, patience); err != nil {
						t.Fatal(err)
					}
				}
				if time.Since(begin) >= patience {
					t.Fatalf("round %d: the wake-up of peer %d was lost", i, i*7%peers)
				}
				s.seen = s.theirs.Bell.Load()
				s.mine.State.Store(0)
			}
		})
	}
}

// hostile makes the eventfd that it was given block for all its holders,
// fills it, and drains it again.
func hostile(c *testutil.Child) error {
	s, err := helperSide(c, "eventfd")
	if err != nil {
		return err
	}
	fd := int(s.peerFD.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	gone := s.watch()
	for !gone() {
		if err := wake(nil, fd); err != nil {
			return err
		}
		drain(fd)
	}
	return nil
}

// TestHostileEventfd: a peer that plays with its eventfd can neither hang this
// process nor keep it from closing.
func TestHostileEventfd(t *testing.T) {
	testutil.Audit(t)
	n := newNotifier(t, "eventfd")
	s := startSide(t, n, "hostile")
	for range testutil.Rounds(50, 1000) {
		if err := n.Wait(nil, time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { done <- n.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Close hangs")
	}
	if err := s.fd.Close(); err != nil {
		t.Errorf("closing an eventfd again: %v", err)
	}
}

// BenchmarkRoundTrip is the wake-up of another process and its wake-up of this
// one, both asleep.
func BenchmarkRoundTrip(b *testing.B) {
	for _, form := range []string{"futex", "eventfd"} {
		b.Run(form, func(b *testing.B) {
			s := startSide(b, newNotifier(b, form), "answer "+form)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.ring(); err != nil {
					b.Fatal(err)
				}
				if err := s.wait(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(s.slept)/float64(b.N), "sleeps/op")
		})
	}
}
