package transporttest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sysv"
	"github.com/understudy-go/understudy/transport/transporttest"
	"github.com/understudy-go/understudy/transport/wire"
)

// A cheat is a form that breaks one rule, and the case of the suite that must
// see it.
type cheat struct {
	name string
	of   string // the honest form beneath
	seen string // "" : an honest one
	bend func(f *lane.Form)
}

var cheats = []cheat{
	{"honest", "unix", "", func(*lane.Form) {}},
	{"overtakes", "unix", "order", func(f *lane.Form) { bendSender(f, overtakes) }},
	{"keeps for later", "unix", "sender_closes", func(f *lane.Form) { bendSender(f, keepsForLater) }},
	{"delivers twice", "pipe", "order", func(f *lane.Form) {
		receive := f.Receive
		f.Receive = func(file *os.File, page *transport.RecvPage, at transport.Place) transport.Receiver {
			return &twice{Receiver: receive(file, page, at)}
		}
	}},
	// It reads into its own memory: an entry between the call and the handler
	// dies with the process. It takes its time there, so that most kills come
	// at that moment.
	{"reads into the heap", "unix", "receiver_killed", func(f *lane.Form) {
		receive := f.Receive
		f.Receive = func(file *os.File, page *transport.RecvPage, at transport.Place) transport.Receiver {
			other := *page
			other.Taken = make([]byte, len(page.Taken))
			return &slow{receive(file, &other, at)}
		}
	}},
	{leaks, "sysv", "full", func(f *lane.Form) {
		f.End = func(file transport.File) error {
			if os.Getenv(cheatVar) == "" {
				return sysv.Remove(file) // a probe of all forms, in the process of the other tests
			}
			again, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
			leaked = append(leaked, again)
			return err
		}
	}},
}

// leaked stands for the queues that a cheater has left, to be removed after it
// was seen.
var leaked []*os.File

// cheatNumber is the wire number of the first cheat.
const cheatNumber = 200

func init() {
	for i, c := range cheats {
		f, err := lane.FormNamed(c.of)
		if err != nil {
			panic(err)
		}
		bent := *f
		bent.Name, bent.Queue = c.name, wire.Queue(cheatNumber+i)
		c.bend(&bent)
		lane.Extend(bent)
	}
}

const cheatVar = "UNDERSTUDY_TEST_CHEAT"

// TestCheat runs the suite over a cheater, in a process of its own.
func TestCheat(t *testing.T) {
	for i, c := range cheats {
		if os.Getenv(cheatVar) == c.name {
			if c.name == leaks {
				testutil.ShortGrace(t, time.Second)
			}
			transporttest.Queue(t, transporttest.Form{Queue: wire.Queue(cheatNumber + i), Notifier: "futex"})
			for _, f := range leaked {
				if err := sysv.Remove(f); err != nil {
					t.Error(err)
				}
				f.Close()
			}
		}
	}
}

// leaks is the cheat that Audit sees, at the end of its patience.
const leaks = "leaks a queue"

// TestCheatersFail: the suite sees each cheat, by the case that is about it.
func TestCheatersFail(t *testing.T) {
	testutil.Descriptors(t, 256)
	for _, c := range cheats {
		t.Run(c.name, func(t *testing.T) {
			seesCheat(t, "TestCheat", c.name, c.seen, "(order|full|sender_closes|receiver_killed)")
		})
	}
}

// seesCheat runs a test over one cheater, in a process of its own: the case that
// is about its cheat must fail. An honest one has seen == "", and passes the
// cases of the pattern honest.
func seesCheat(t *testing.T, test, name, seen, honest string) {
	t.Helper()
	cases := "^" + seen + "$"
	if seen == "" {
		cases = honest
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.timeout=110s", "-test.run", "^"+test+"$/"+cases)
	cmd.Env = append(os.Environ(), cheatVar+"="+name)
	if seen != "" { // as long as it takes: it ends at the first cheat that is seen
		cmd.Env = append(cmd.Env, testutil.LongVariable+"=1")
	}
	out, err := cmd.CombinedOutput()
	text := string(out)
	switch {
	case strings.Contains(text, "--- SKIP"):
		testutil.Refused(t, text)
	case !strings.Contains(text, "=== RUN   "+test+"/"):
		t.Errorf("no case was run: %v\n%s", err, text)
	case seen == "" && err != nil:
		t.Errorf("an honest one fails: %v\n%s", err, text)
	case seen != "" && !strings.Contains(text, "--- FAIL: "+test+"/"+seen):
		t.Errorf("the suite saw nothing: %v\n%s", err, text)
	}
}

// bendSender puts a cheating sender before the honest one.
func bendSender(f *lane.Form, commit func(*bent) error) {
	create := f.Create
	f.Create = func(page *transport.SendPage) (transport.Sender, *os.File, error) {
		s, file, err := create(page)
		return &bent{Sender: s, commit: commit}, file, err
	}
}

// bent is a sender that keeps entries and sends them as it likes.
type bent struct {
	transport.Sender
	commit func(*bent) error
	now    []byte   // reserved
	kept   [][]byte // said to be sent
}

func (b *bent) Reserve(n int) ([]byte, error) {
	if _, err := b.Sender.Reserve(n); err != nil {
		return nil, err
	}
	b.now = make([]byte, n)
	return b.now, nil
}

func (b *bent) Commit() error { return b.commit(b) }

func (b *bent) send(entry []byte) error {
	m, err := b.Sender.Reserve(len(entry))
	if err != nil {
		return err
	}
	copy(m, entry)
	return b.Sender.Commit()
}

// overtakes lets the entry after a large one go first.
func overtakes(b *bent) error {
	if len(b.now) == b.MaxEntry() && len(b.kept) == 0 {
		b.kept = append(b.kept, b.now)
		return nil
	}
	if err := b.send(b.now); err != nil {
		return err
	}
	for len(b.kept) > 0 {
		if err := b.send(b.kept[0]); err != nil {
			return nil // later
		}
		b.kept = b.kept[1:]
	}
	return nil
}

// keepsForLater sends entries in pairs.
func keepsForLater(b *bent) error {
	if len(b.kept) > 0 {
		if err := b.send(b.kept[0]); err != nil {
			return err
		}
		b.kept = b.kept[1:]
	}
	b.kept = append(b.kept, b.now)
	return nil
}

// twice lends every tenth entry a second time.
type twice struct {
	transport.Receiver
	last  transport.Entry
	again bool
}

func (r *twice) Next() (transport.Entry, error) {
	if r.again {
		r.again = false
		return r.last, nil
	}
	e, err := r.Receiver.Next()
	r.last, r.again = e, err == nil && e.Seq%10 == 9
	return e, err
}

func (r *twice) Done() {
	if !r.again {
		r.Receiver.Done()
	}
}

// slow is a receiver that keeps each entry for half a millisecond.
type slow struct{ transport.Receiver }

func (r *slow) Next() (transport.Entry, error) {
	e, err := r.Receiver.Next()
	for begin := time.Now(); err == nil && time.Since(begin) < 500*time.Microsecond; {
	}
	return e, err
}

// TestPairs is what can be seen of each form in the kernel without another
// process.
func TestPairs(t *testing.T) {
	for _, s := range lane.Probe() {
		if s.Form.Create == nil || s.Form.Queue >= cheatNumber {
			continue
		}
		t.Run(s.Form.Name, func(t *testing.T) {
			if s.Err != nil {
				testutil.Refused(t, s.Err)
			}
			testutil.Audit(t)
			transporttest.Pair(t, func(t *testing.T) transporttest.Ends { return formPair(t, s.Form) })
		})
	}
}

func formPair(t testing.TB, f lane.Form) transporttest.Ends {
	send, recv := pages(t, segment.Heap(transport.SendPageHeader).Bytes(), segment.Heap(transport.RecvPageBytes).Bytes())
	s, file, err := f.Create(send)
	if err != nil {
		testutil.Refused(t, err)
	}
	r := f.Receive(file, recv, transport.Place{})
	t.Cleanup(func() {
		if err := f.Remove(file); err != nil {
			t.Error(err)
		}
		s.Close()
		r.Close()
	})
	return transporttest.Ends{Sender: s, Receiver: r}
}

func pages(t testing.TB, s, r []byte) (*transport.SendPage, *transport.RecvPage) {
	send, err := transport.NewSendPage(s, 0)
	if err != nil {
		t.Fatal(err)
	}
	recv, err := transport.NewRecvPage(r)
	if err != nil {
		t.Fatal(err)
	}
	return send, recv
}
