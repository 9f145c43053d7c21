package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// rootVar makes the test binary a program with a tree, to be killed.
const rootVar = "SUPERVISOR_TEST_ROOT"

// programs are more values of rootVar.
var programs = map[string]func(){}

// ways are more values of Die.How.
var ways = map[string]func(){}

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(rootVar)); err == nil {
		if n < 0 {
			return // BenchmarkReexec
		}
		rootProgram(n)
		return
	}
	switch mode := os.Getenv(rootVar); mode {
	case "":
	case "reap":
		reapingProgram()
		return
	case "tree":
		treeProgram()
		return
	case "systemd":
		systemdRoot()
		return
	case "command":
		commandRoot(supervisor.Child{})
		return
	case "systemd tree":
		systemdTree()
		return
	case "command in namespace":
		set := []supervisor.Limit{supervisor.NamespacePID}
		if os.Getuid() != 0 {
			set = append(set, supervisor.NamespaceUser)
		}
		commandRoot(supervisor.Child{Limits: supervisor.Limits{Namespaces: set}})
		return
	default:
		if program := programs[mode]; program != nil {
			program()
			return
		}
		commandProgram(mode)
		return
	}
	supervisor.RunChild()
	testutil.Main(m)
}

type Node struct{}

type (
	Who struct{ actor.Asks[Node, Me] }
	Me  struct{ PID, Incarnation int }
	Die struct {
		actor.Tells[Node]
		How string
	}
	Fork   struct{ actor.Asks[Node, Forked] } // starts a grandchild
	Forked struct{ PID int }
	Daemon struct{ actor.Asks[Node, Forked] } // starts one that leaves its group, its session and its parent
	Hold   struct{ actor.Asks[Node, Me] }     // holds the handler for ever
	Watch  struct {                           // monitors another node
		actor.Asks[Node, Me]
		Other actor.Ref[Node]
	}
	Pass struct { // tells another node n notes, then dies
		actor.Asks[Node, Me]
		To actor.Ref[Node]
		N  int
	}
	Join struct { // links with another node, or takes that back
		actor.Asks[Node, Me]
		Other actor.Ref[Node]
		Undo  bool
	}
	Relay struct { // asks another node who it is
		actor.Asks[Node, Me]
		To actor.Ref[Node]
	}
	Hog struct { // takes all descriptors but some
		actor.Asks[Node, Me]
		Free int
	}
	Litter struct { // sends the supervisor frames with descriptors that do not belong to them
		actor.Asks[Node, Me]
		Frames int
	}
	Mark struct {
		actor.Tells[Node]
		Seq int
	}
	Log     struct{ actor.Asks[Node, Entries] }
	Entries struct{ Lines []string }
)

var node = actor.Define("node", func(s *actor.Setup[Node]) error {
	switch how := os.Getenv("NODE_SETUP"); how {
	case "fail":
		return errors.New("no socket to sit on")
	case "fail twice":
		return errors.Join(errors.New("nor a chair"), errors.New("no socket to sit on"))
	case "fail loudly":
		fmt.Fprintln(os.Stderr, "loud and clear")
		return errors.New("no socket to sit on")
	case "exit":
		os.Exit(9)
	case "exit again":
		if s.Context().Incarnation() > 1 {
			os.Exit(9)
		}
	case "hang":
		select {}
	case "wait", "wait again": // until a pipe has an end
		if (s.Context().Incarnation() == 1) == (how == "wait") {
			_, _ = os.ReadFile(os.Getenv("NODE_PIPE"))
		}
	case "ignore":
		return actor.ErrIgnore
	case "ignore SIGQUIT":
		signal.Ignore(syscall.SIGQUIT)
	case "link": // with nobody
		if err := s.Context().Link(1 << 30); err != nil {
			return err
		}
	case "second":
		if s.Context().Incarnation() == 2 {
			return errors.New("the second start fails")
		}
	}
	var lines []string
	me := func(c *actor.Context) Me { return Me{os.Getpid(), c.Incarnation()} }
	actor.OnAsk(s, func(c *actor.Context, _ Who) (Me, error) { return me(c), nil })
	actor.OnAsk(s, func(c *actor.Context, _ Hold) (Me, error) {
		fmt.Fprintln(os.Stderr, "holding")
		select {}
	})
	actor.OnTell(s, func(c *actor.Context, d Die) error {
		switch d.How {
		case "panic":
			panic("node was told to")
		case "exit 0":
			os.Exit(0)
		case "exit 3":
			os.Exit(3)
		case "unlink":
			_ = syscall.Close(3) // the control link
		case "unlink, and look away":
			_ = syscall.Close(3)
			_ = syscall.Close(4) // what says that the root is alive
		case "stop":
			c.Stop()
		default:
			if reason, ok := strings.CutPrefix(d.How, "exit "); ok {
				c.Exit(reason)
			}
			if way := ways[d.How]; way != nil {
				way()
			}
		case "kill":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Fork) (Forked, error) {
		cmd := exec.Command("sleep", "1000")
		err := cmd.Start()
		if err != nil {
			return Forked{}, err
		}
		return Forked{cmd.Process.Pid}, nil
	})
	actor.OnAsk(s, startDaemon)
	actor.OnAsk(s, spin)
	actor.OnAsk(s, flood)
	actor.OnAsk(s, lie)
	actor.OnAsk(s, scribble)
	actor.OnTell(s, rant)
	actor.OnTell(s, falter)
	actor.OnTell(s, signalRoot)
	actor.OnAsk(s, func(c *actor.Context, w Watch) (Me, error) {
		_, err := c.Monitor(w.Other.ID)
		return me(c), err
	})
	if os.Getenv("NODE_TRAP") == "1" {
		s.OnExit(func(c *actor.Context, d actor.Down) {
			lines = append(lines, fmt.Sprintf("linked %d: %s", d.ID, d.Exit.Reason))
		})
	}
	actor.OnAsk(s, func(c *actor.Context, j Join) (Me, error) {
		if j.Undo {
			return me(c), c.Unlink(j.Other.ID)
		}
		return me(c), c.Link(j.Other.ID)
	})
	actor.OnAsk(s, func(c *actor.Context, h Hog) (Me, error) {
		takeDescriptors(h.Free)
		return me(c), nil
	})
	actor.OnAsk(s, litter)
	actor.OnAsk(s, func(c *actor.Context, r Relay) (Me, error) { return actor.Ask(c, r.To, Who{}) })
	s.OnDown(func(c *actor.Context, d actor.Down) {
		lines = append(lines, fmt.Sprintf("down %d: %s", d.ID, d.Exit.Summary))
	})
	actor.OnTell(s, func(c *actor.Context, m Mark) error {
		lines = append(lines, strconv.Itoa(m.Seq))
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, p Pass) (Me, error) {
		for i := range p.N {
			if err := actor.Tell(c, p.To, Mark{Seq: i}); err != nil {
				return Me{}, err
			}
		}
		os.Exit(4)
		return Me{}, nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Log) (Entries, error) { return Entries{lines}, nil })
	if os.Getenv("NODE_BAD_STOP") != "" {
		s.OnStop(func(*actor.Context) { os.Exit(7) })
	}
	if os.Getenv("NODE_SLOW_STOP") != "" {
		s.OnStop(func(*actor.Context) { select {} })
	}
	return nil
})

var quiet = slog.New(slog.DiscardHandler)

// recorder keeps the events of a supervisor.
type recorder struct {
	mu     sync.Mutex
	events []supervisor.Event
	more   chan struct{} // closed at the next event, if somebody waits
	look   func(supervisor.Event)
}

func (r *recorder) add(e supervisor.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if r.look != nil {
		r.look(e)
	}
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
}

// next is closed at the next event.
func (r *recorder) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.more == nil {
		r.more = make(chan struct{})
	}
	return r.more
}

// until waits for something that events bring about.
func (r *recorder) until(t testing.TB, ctx context.Context, what string, f func() bool) {
	t.Helper()
	for {
		next := r.next()
		if f() {
			return
		}
		select {
		case <-next:
		case <-ctx.Done():
			t.Fatal("never: ", what)
		}
	}
}

// all is the events so far.
func (r *recorder) all() []supervisor.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// kinds is the events of some kinds, as "kind child".
func (r *recorder) kinds(kinds ...supervisor.EventKind) (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if slices.Contains(kinds, e.Kind) {
			out = append(out, strings.TrimSpace(string(e.Kind)+" "+e.Child))
		}
	}
	return out
}

// unread is n, or as many messages as wait in a mailbox of the form of queue that this
// run is of.
func unread(n int) int {
	switch os.Getenv("UNDERSTUDY_QUEUE") {
	case "posix":
		return min(n, 8)
	case "pipe":
		return min(n, 50)
	}
	return n
}

func newSup(t testing.TB, spec supervisor.Spec) (context.Context, *supervisor.Supervisor, *recorder) {
	t.Helper()
	r := &recorder{}
	spec.OnEvent = r.add
	if spec.Log == nil {
		spec.Log = quiet
	}
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard)
	t.Cleanup(cancel)
	sup, err := supervisor.New(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sup.Shutdown)
	return sup.Context(ctx), sup, r
}

func startNode(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, c supervisor.Child) actor.Ref[Node] {
	t.Helper()
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	ref, err := supervisor.StartChild(ctx, sup, node, c)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func who(t testing.TB, ctx context.Context, ref actor.Ref[Node]) Me {
	t.Helper()
	m, err := actor.Ask(ctx, ref, Who{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// down waits for the notice of a monitor that was placed before.
func wait(t testing.TB, ctx context.Context, ch <-chan actor.Down) actor.Down {
	t.Helper()
	select {
	case d := <-ch:
		return d
	case <-ctx.Done():
		t.Fatal("no notice came")
		panic("unreachable")
	}
}

// takeDescriptors takes all descriptors of this process but some.
func takeDescriptors(free int) (release func()) {
	var all []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		all = append(all, f)
	}
	for _, f := range all[len(all)-free:] {
		f.Close()
	}
	return func() {
		for _, f := range all {
			f.Close()
		}
	}
}
