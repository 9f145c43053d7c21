package transporttest

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/segment"
)

// notifiers holds the forms of notifier by their names, which all processes of a test
// must know.
var notifiers = map[string]func() (transport.Notifier, error){"futex": notify.NewFutex, "eventfd": notify.NewEventfd}

// ExtendNotifiers adds a form, as ExtendSegments does.
func ExtendNotifiers(name string, make func() (transport.Notifier, error)) { notifiers[name] = make }

// PatienceVariable is an environment variable that says how long a sleeper waits for a
// wake-up that must come, in the format of time.ParseDuration. It replaces
// testutil.HangGuard, for forms whose wake-ups are known not to come.
const PatienceVariable = "UNDERSTUDY_TEST_PATIENCE"

func patience() time.Duration {
	if d, err := time.ParseDuration(os.Getenv(PatienceVariable)); err == nil {
		return d
	}
	return testutil.HangGuard
}

// Notifier runs the suite for one form of notifier between real processes.
func Notifier(t *testing.T, name string) {
	each(t, func(t *testing.T) *ringing {
		n, err := notifiers[name]()
		if err != nil {
			testutil.Refused(t, err)
		}
		p := start(t, "transporttest-bell", name)
		s, err := meet(n, p.link)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			p.Kill()
			p.Wait()
			s.close()
		})
		s.t, s.far = t, p
		return s
	}, []rule[*ringing]{
		{"wakes", "who sleeps on a bell wakes up each time it is rung, in either process", bellsWake},
		{"changed before", "a bell that has changed before Wait is not slept on", bellsChanged},
		{"interrupt", "Interrupt ends the Wait that runs, or else the next one", bellsInterrupt},
		{"timeout", "Wait returns when its time is over", bellsTimeout},
	})
}

// ringing is one process of two that ring each other's bells.
type ringing struct {
	n            transport.Notifier
	link         transport.Link
	mine, theirs *transport.SendPage // written here; read-only here
	mem, ro      *segment.Memory
	ear          transport.File // by it the peer wakes this process, or nil
	peer         *os.File       // by it this process wakes the peer, or nil
	seen         uint32
	far          *player    // in the test process
	t            *testing.T // likewise
}

// meet makes a page and exchanges it over the link, together with the wake-up descriptor.
func meet(n transport.Notifier, link transport.Link) (*ringing, error) {
	s := &ringing{n: n, link: link}
	var err error
	if s.mem, err = segment.Create("bell", transport.SendPageHeader, segment.Options{}); err != nil {
		return nil, err
	}
	if s.mine, err = transport.NewSendPage(s.mem.Bytes(), 0); err != nil {
		return nil, err
	}
	files := []transport.File{s.mem.File()}
	if s.ear, err = n.NewFD(); err != nil {
		return nil, err
	}
	if s.ear != nil {
		files = append(files, s.ear)
	}
	if err := s.link.Send([]byte("page"), files); err != nil {
		return nil, err
	}
	_, got, err := s.link.Receive(make([]byte, 10))
	if err != nil {
		return nil, err
	}
	if len(got) == 2 {
		s.peer = got[1].(*os.File)
	}
	if s.ro, err = segment.Open(got[0], transport.SendPageHeader); err != nil {
		return nil, err
	}
	s.theirs, err = transport.OpenSendPage(s.ro.Bytes(), 0)
	return s, err
}

func (s *ringing) close() {
	s.n.Close()
	if s.ear != nil {
		s.ear.Close()
	}
	if s.peer != nil {
		s.peer.Close()
	}
	s.mem.Close()
	s.ro.Close()
	s.link.Close()
}

// ring changes this process's bell and wakes the peer if it sleeps.
func (s *ringing) ring() error {
	s.mine.Bell.Add(1)
	if s.theirs.State.Load()&transport.StateArmed == 0 {
		return nil
	}
	fd := -1
	if s.peer != nil {
		fd = int(s.peer.Fd())
	}
	return s.n.Wake(s.mine.Bell, fd)
}

// hear returns when the peer's bell has changed since the last hear.
func (s *ringing) hear() error {
	s.mine.Arm()
	defer s.mine.Disarm()
	for begin := time.Now(); s.theirs.Bell.Load() == s.seen; {
		if err := s.wait(); err != nil {
			return err
		}
		if time.Since(begin) >= patience() {
			return fmt.Errorf("a wake-up was lost: nobody said that the bell went from %d to %d", s.seen, s.theirs.Bell.Load())
		}
	}
	s.seen = s.theirs.Bell.Load()
	return nil
}

// wait sleeps once on the peer's bell.
func (s *ringing) wait() error {
	return s.n.Wait([]transport.Bell{{Word: s.theirs.Bell, Seen: s.seen, FD: -1}}, patience())
}

// waits is wait, but fails if only the timeout ended it.
func (s *ringing) waits() error {
	begin := time.Now()
	if err := s.wait(); err != nil {
		return err
	}
	if time.Since(begin) >= patience() {
		return fmt.Errorf("it slept until its time was over")
	}
	return nil
}

var _ = testutil.Helper("transporttest-bell", runBell)

// runBell answers n rings, or rings once.
func runBell(c *testutil.Child) int {
	me := linked(c)
	n, err := notifiers[c.Args[0]]()
	if err != nil {
		me.fail(err)
	}
	s, err := meet(n, me.link)
	if err != nil {
		me.fail(err)
	}
	for {
		word, rounds := me.command()
		if word == "answer" {
			for range rounds {
				if err := errors.Join(s.hear(), s.ring()); err != nil {
					me.fail(err)
				}
			}
			continue
		}
		if err := s.ring(); err != nil {
			me.fail(err)
		}
		c.Say("ring")
	}
}

func bellsWake(s *ringing) {
	rounds := testutil.Rounds(300, 20_000)
	s.far.Send("answer ", rounds)
	for i := range rounds {
		if err := s.ring(); err != nil {
			s.t.Fatal(err)
		}
		if err := s.hear(); err != nil {
			s.t.Fatalf("round %d: %v", i, err)
		}
	}
}

func bellsChanged(s *ringing) {
	for range 20 {
		s.far.Send("ring") // nobody sleeps: nobody is woken
		s.far.Expect("ring")
		if err := s.waits(); err != nil {
			s.t.Fatal(err)
		}
		s.seen = s.theirs.Bell.Load()
	}
}

func bellsInterrupt(s *ringing) {
	for i := range 40 {
		done := make(chan struct{})
		if i%2 == 0 {
			s.n.Interrupt()
			close(done)
		} else {
			go func() { // before it or while it runs
				s.n.Interrupt()
				close(done)
			}()
		}
		if err := s.waits(); err != nil {
			s.t.Fatal(err)
		}
		<-done
	}
}

func bellsTimeout(s *ringing) {
	for range 5 {
		if err := s.n.Wait([]transport.Bell{{Word: s.theirs.Bell, Seen: s.seen, FD: -1}}, time.Millisecond); err != nil {
			s.t.Fatal(err)
		}
	}
}
