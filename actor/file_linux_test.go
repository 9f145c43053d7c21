package actor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// Desk is the protocol of an actor that is handed files.
type Desk struct{}

type (
	Open struct {
		actor.Asks[Desk, DeskState]
		Squeeze int // descriptors that may still be opened; 0: as many as before
	}
	DeskState struct{ PID, FDs int }

	Read struct {
		actor.Asks[Desk, Page]
		From actor.File
		Same actor.File // the same one
		None actor.File // the zero File
	}
	Page struct{ Text string }

	Write struct {
		actor.Tells[Desk]
		Text string
		To   actor.File
	}
	Hold struct { // writes, and stays in hand until it is killed
		actor.Tells[Desk]
		To actor.File
	}
	Forward struct { // sends n Writes to another desk
		actor.Asks[Desk, DeskState]
		N    int
		Next actor.Ref[Desk]
		To   actor.File
	}
	Answer struct{ actor.Asks[Desk, Answered] }
	Stray  struct { // has no handler
		actor.Tells[Desk]
		A, B actor.File
	}
	// Answered cannot be sent.
	Answered struct{ F actor.File }
)

var unlimited syscall.Rlimit

var desk = actor.Define("desk", func(s *actor.Setup[Desk]) error {
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &unlimited); err != nil {
		return err
	}
	actor.OnAsk(s, func(c *actor.Context, m Open) (DeskState, error) {
		state := DeskState{os.Getpid(), descriptors()}
		l := unlimited
		if m.Squeeze > 0 {
			l.Cur = uint64(state.FDs + m.Squeeze)
		}
		return state, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	})
	actor.OnAsk(s, func(c *actor.Context, m Read) (Page, error) {
		defer m.From.Close()
		if m.None.File != nil || m.Same != m.From {
			return Page{}, errors.New("the zero File, or a file that was sent twice, came as another one")
		}
		b, err := io.ReadAll(m.From)
		return Page{string(b)}, err
	})
	actor.OnTell(s, func(c *actor.Context, m Write) error {
		_, err := m.To.WriteString(m.Text)
		return errors.Join(err, m.To.Close())
	})
	actor.OnTell(s, func(c *actor.Context, m Hold) error {
		if _, err := m.To.WriteString("held"); err != nil {
			return err
		}
		select {}
	})
	actor.OnAsk(s, func(c *actor.Context, m Forward) (DeskState, error) {
		defer m.To.Close()
		for i := range m.N {
			if err := actor.Tell(c, m.Next, Write{Text: fmt.Sprint(i), To: m.To}); err != nil {
				return DeskState{}, err
			}
		}
		return DeskState{os.Getpid(), descriptors()}, nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Answer) (Answered, error) { return Answered{actor.File{File: os.Stdin}}, nil })
	return nil
})

func descriptors() int {
	es, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return len(es)
}

// desks starts a supervisor and n desks.
func desks(t *testing.T, n int, child supervisor.Child) (ctx context.Context, sup *supervisor.Supervisor, refs []actor.Ref[Desk], letters *atomic.Int32) {
	t.Helper()
	letters = new(atomic.Int32)
	ctx, sup, _ = start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
		if l.Reason == supervisor.LetterQuarantined {
			letters.Add(1)
		}
	}}, supervisor.Child{})
	child.Stderr = io.Discard
	for i := range n {
		child.Name = fmt.Sprint("desk", i)
		ref, err := supervisor.StartChild(ctx, sup, desk, child)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return ctx, sup, refs, letters
}

// pipe is what is written to w until its last copy, in any process, is closed.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if err := r.SetDeadline(time.Now().Add(testutil.HangGuard)); err != nil {
		t.Fatal(err)
	}
	return r, w
}

func wantAll(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q and the end", b, err, want)
	}
}

func tell[M actor.ToldTo[Desk]](t *testing.T, ctx context.Context, ref actor.Ref[Desk], m M) {
	t.Helper()
	if err := actor.Tell(ctx, ref, m); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, ctx context.Context, ref actor.Ref[Desk]) DeskState {
	t.Helper()
	s, err := actor.Ask(ctx, ref, Open{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hold makes the desk busy until it is killed.
func hold(t *testing.T, ctx context.Context, ref actor.Ref[Desk]) (r *os.File) {
	t.Helper()
	r, w := pipe(t)
	tell(t, ctx, ref, Hold{To: actor.File{File: w}})
	w.Close()
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil || string(b[:]) != "held" {
		t.Fatal(string(b[:]), err)
	}
	return r
}

func slay(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestFiles: a file is read, a socket is used, and nothing stays open.
func TestFiles(t *testing.T) {
	ctx, _, refs, _ := desks(t, 1, supervisor.Child{})
	ref := refs[0]
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("the content"), 0o600); err != nil {
		t.Fatal(err)
	}
	base, here := 0, 0
	for i := range testutil.Rounds(20, 1000) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := actor.Ask(ctx, ref, Read{From: actor.File{File: f}, Same: actor.File{File: f}})
		if err != nil || p.Text != "the content" {
			t.Fatal(p, err)
		}
		f.Close()
		tellSocket(t, ctx, ref)
		s := state(t, ctx, ref)
		if i == 0 {
			base, here = s.FDs, descriptors()
		} else if s.FDs != base || descriptors() != here {
			t.Fatalf("round %d: the desk has %d descriptors, %d before; the root %d, %d before", i, s.FDs, base, descriptors(), here)
		}
	}
	if _, err := actor.Ask(ctx, ref, Answer{}); err == nil || !strings.Contains(err.Error(), "answer") {
		t.Error("a file in an answer:", err)
	}
	closed, _ := os.Open(name)
	closed.Close()
	if err := actor.Tell(ctx, ref, Write{To: actor.File{File: closed}}); !errors.Is(err, os.ErrClosed) {
		t.Error("a closed file:", err)
	}
	state(t, ctx, ref)
}

// tellSocket sends one end of a pair of sockets, and reads what the desk says.
func tellSocket(t *testing.T, ctx context.Context, ref actor.Ref[Desk]) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	defer a.Close()
	conn, err := net.FileConn(a)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tell(t, ctx, ref, Write{Text: "by socket", To: actor.File{File: b}})
	b.Close()
	wantAll(t, conn, "by socket")
}

// TestUnreadFilesSurviveReceiver: the successor gets the files that its
// predecessor had not read, once and in order.
func TestUnreadFilesSurviveReceiver(t *testing.T) {
	ctx, _, refs, letters := desks(t, 1, supervisor.Child{Mailbox: mailbox.Config{Redeliver: 5}})
	for i := range testutil.Rounds(10, 200) {
		s := state(t, ctx, refs[0])
		held := hold(t, ctx, refs[0])
		r, w := pipe(t)
		for i := range 5 {
			tell(t, ctx, refs[0], Write{Text: fmt.Sprint(i), To: actor.File{File: w}})
		}
		w.Close()
		slay(t, s.PID)
		wantAll(t, r, "01234")
		// The one in hand was closed, and is not handled again.
		wantAll(t, held, "")
		state(t, ctx, refs[0])
		if n := letters.Load(); n != int32(i+1) {
			t.Fatalf("%d letters after %d deaths with a file in hand", n, i+1)
		}
	}
}

// TestUnreadFilesSurviveSender: what a dead process has sent arrives.
func TestUnreadFilesSurviveSender(t *testing.T) {
	ctx, _, refs, _ := desks(t, 2, supervisor.Child{})
	for range testutil.Rounds(10, 200) {
		busy := state(t, ctx, refs[0])
		held := hold(t, ctx, refs[0])
		r, w := pipe(t)
		s, err := actor.Ask(ctx, refs[1], Forward{N: 4, Next: refs[0], To: actor.File{File: w}})
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		slay(t, s.PID)
		state(t, ctx, refs[1]) // its successor lives: it is reaped
		slay(t, busy.PID)
		wantAll(t, r, "0123")
		wantAll(t, held, "")
	}
}

// TestUndeliveredFilesAreClosed: with the end of an actor for good, everything
// that it was sent is closed.
func TestUndeliveredFilesAreClosed(t *testing.T) {
	ctx, sup, refs, _ := desks(t, 1, supervisor.Child{Restart: supervisor.Temporary})
	s := state(t, ctx, refs[0])
	held := hold(t, ctx, refs[0])
	r, w := pipe(t)
	for range 3 {
		tell(t, ctx, refs[0], Write{Text: "never", To: actor.File{File: w}})
	}
	before := sup.DeadLetters()
	slay(t, s.PID)
	wantAll(t, held, "")
	w.Close()
	wantAll(t, r, "")
	var gone *actor.GoneError
	if err := actor.Tell(ctx, refs[0], Write{To: actor.File{File: r}}); !errors.As(err, &gone) {
		t.Error(err)
	}
	if n := sup.DeadLetters() - before; n != 4 {
		t.Errorf("%d dead letters, want 4", n)
	}
}

// TestStrayFilesAreClosed: a message that no handler sees leaves no file open,
// while its actor lives on.
func TestStrayFilesAreClosed(t *testing.T) {
	ctx, _, refs, _ := desks(t, 1, supervisor.Child{})
	before := state(t, ctx, refs[0])
	r, w := pipe(t)
	tell(t, ctx, refs[0], Stray{A: actor.File{File: w}, B: actor.File{File: r}})
	w.Close()
	wantAll(t, r, "")
	if s := state(t, ctx, refs[0]); s.PID != before.PID || s.FDs > before.FDs+1 {
		t.Errorf("%+v, before the way of files was made %+v", s, before)
	}
}

// TestFilesFull: only so many files are on their way; a sender waits, or is
// told.
func TestFilesFull(t *testing.T) {
	ctx, _, refs, _ := desks(t, 1, supervisor.Child{Mailbox: mailbox.Config{Full: mailbox.Fail}})
	pid := state(t, ctx, refs[0]).PID
	held := hold(t, ctx, refs[0])
	r, w := pipe(t)
	n := 0
	for {
		err := actor.Tell(ctx, refs[0], Write{Text: ".", To: actor.File{File: w}})
		if errors.Is(err, actor.ErrFull) {
			break
		}
		if err != nil || n > 1000 {
			t.Fatal(n, err)
		}
		n++
	}
	w.Close()
	slay(t, pid)
	wantAll(t, r, strings.Repeat(".", n))
	wantAll(t, held, "")
	if n < 8 {
		t.Errorf("full after %d messages", n)
	}
}

// TestFilesWait: a sender that waits for room goes on when there is some,
// wherever the receiver's turns of messages end.
func TestFilesWait(t *testing.T) {
	ctx, _, refs, _ := desks(t, 1, supervisor.Child{})
	r, w := pipe(t)
	const n = 2000
	for range n {
		tell(t, ctx, refs[0], Write{Text: ".", To: actor.File{File: w}})
	}
	w.Close()
	wantAll(t, r, strings.Repeat(".", n))
}

// TestFilesNoRoom: a receiver that is out of descriptors says so, and goes on
// when it has some.
func TestFilesNoRoom(t *testing.T) {
	ctx, _, refs, _ := desks(t, 1, supervisor.Child{})
	r, w := pipe(t)
	tell(t, ctx, refs[0], Write{To: actor.File{File: w}}) // the way is there
	before := state(t, ctx, refs[0])
	if _, err := actor.Ask(ctx, refs[0], Open{Squeeze: 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, refs[0], Open{Squeeze: 1}); err != nil {
		t.Fatal(err)
	}
	// State counts the directory that it reads: that one is free again, so
	// two are, and three do not fit.
	var more [2]*os.File
	for i := range more {
		var err error
		if more[i], err = os.Open(os.DevNull); err != nil {
			t.Fatal(err)
		}
		defer more[i].Close()
	}
	_, err := actor.Ask(ctx, refs[0], Read{From: actor.File{File: r}, Same: actor.File{File: more[0]}, None: actor.File{File: more[1]}})
	if err == nil || !strings.Contains(err.Error(), "RLIMIT_NOFILE") {
		t.Error("no word of the limit:", err)
	}
	if s := state(t, ctx, refs[0]); s.FDs != before.FDs {
		t.Errorf("%d descriptors, %d before", s.FDs, before.FDs)
	}
	tellSocket(t, ctx, refs[0])
}
