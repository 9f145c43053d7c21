package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// soakTree starts a tree of haulers: children of the root with several forms of queue,
// a group, and supervisors in processes of their own. Their paths are returned.
func soakTree(t *testing.T, sup *supervisor.Supervisor, ctx context.Context) (paths []string) {
	t.Helper()
	boxes := []supervisor.Child{
		{Name: "plain"},
		{Name: "again", Mailbox: mailbox.Config{Redeliver: 3}},
		{Name: "narrow", Mailbox: mailbox.Config{RingBytes: 16 << 10, PoolBytes: 256 << 10}},
		{Name: "arena", Mailbox: mailbox.Config{Blocks: "arena", PoolBytes: 1 << 20, Redeliver: 2}},
	}
	for _, form := range lane.Probe() {
		if form.Err == nil && form.Form.Name != "ring" && form.Form.Name != "sysv" { // of SysV queues a machine has few
			boxes = append(boxes, supervisor.Child{Name: form.Form.Name, Mailbox: mailbox.Config{Queue: form.Form.Name}})
		}
	}
	for _, c := range boxes {
		c.Shutdown, c.Stderr = 500*time.Millisecond, io.Discard
		if _, err := supervisor.StartChild(ctx, sup, hauler, c); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, c.Name)
	}
	group := supervisor.Spec{Strategy: supervisor.RestForOne, Intensity: supervisor.MaxIntensity, Period: time.Hour}
	for _, name := range []string{"a", "b"} {
		group.Children = append(group.Children, supervisor.Child{Name: name, Actor: hauler, Stderr: io.Discard, Shutdown: 500 * time.Millisecond})
	}
	if _, err := sup.StartSupervisor(ctx, group, supervisor.Child{Name: "group"}); err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.StartSubtree(ctx, sup, yard, supervisor.Child{Name: "yard", Stderr: io.Discard}); err != nil {
		t.Fatal(err)
	}
	return append(paths, "group/a", "group/b", "yard/c", "yard/d", "yard/shed/e")
}

var (
	yard = supervisor.Define("yard", func() (supervisor.Spec, error) {
		return supervisor.Spec{Strategy: supervisor.OneForAll, Intensity: supervisor.MaxIntensity, Period: time.Hour, Children: []supervisor.Child{
			{Name: "c", Actor: hauler, Shutdown: 500 * time.Millisecond}, {Name: "d", Actor: hauler, Shutdown: supervisor.BrutalKill}, {Name: "shed", Subtree: shed}}}, nil
	})
	shed = supervisor.Define("shed", func() (supervisor.Spec, error) {
		return supervisor.Spec{Intensity: supervisor.MaxIntensity, Period: time.Hour, Children: []supervisor.Child{
			{Name: "e", Actor: hauler, Shutdown: 500 * time.Millisecond, Mailbox: mailbox.Config{Redeliver: 1}}}}, nil
	})
)

// watched is an incarnation that has a monitor.
type watched struct {
	notice <-chan actor.Down
	path   string
	at     int // so many things had been done
}

// soak is a tree in which haulers and this process send each other messages of
// every kind, while processes of it are killed, stopped, terminated and replaced.
type soak struct {
	*testing.T
	ctx   context.Context
	sup   *supervisor.Supervisor
	paths []string
	refs  []actor.Ref[Hauler]
	dir   string

	mu       sync.Mutex
	letters  map[load]int // of what was in hand, or unread
	unread   map[way]int  // letters of unread messages whose bytes are lost
	strange  []string     // letters that should not be
	monitors []watched
	did      map[string]int
	last     []string // what was done, in order
}

// TestSoak: whatever happens to the processes of a tree, in whatever order and at
// whatever moment: each message that its sender was told is in a mailbox is handled
// once, in the order sent, or is a dead letter; one that was refused is never handled;
// an answer comes from a handler; a monitor gives one notice; a child keeps its number;
// nothing gets stuck, and nothing is left.
func TestSoak(t *testing.T) {
	rounds := testutil.Rounds(30, 2500) // some seconds; some minutes
	testutil.Threads(t, 512)
	testutil.Audit(t)
	s := &soak{T: t, dir: t.TempDir(), letters: map[load]int{}, unread: map[way]int{}, did: map[string]int{}}
	t.Setenv(haulerVar, s.dir)
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard+time.Duration(rounds)*time.Second/5)
	defer cancel()
	sup, err := supervisor.New(ctx, supervisor.Spec{Intensity: supervisor.MaxIntensity, Period: time.Hour, Log: quiet,
		Pace: supervisor.Pace{Every: supervisor.Unpaced}, OnLetter: s.letter})
	if err != nil {
		t.Fatal(err)
	}
	defer sup.Shutdown()
	s.sup, s.ctx = sup, sup.Context(ctx)
	s.paths = soakTree(t, sup, s.ctx)
	for _, p := range s.paths {
		ref, err := supervisor.Find(sup, hauler, p)
		if err != nil {
			t.Fatal(err)
		}
		s.refs = append(s.refs, ref)
	}
	s.traffic(func() {
		for range rounds {
			s.disturb()
		}
	})
	if ctx.Err() != nil {
		t.Fatal(ctx.Err())
	}
	s.settle()
	sup.Shutdown()
	s.verdict()
}

// traffic sends messages from this process while f runs.
func (s *soak) traffic(f func()) {
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 3 {
		senders.Go(func() {
			h := newHaul(s.ctx, s.dir, 0, s.refs)
			defer h.close()
			for {
				select {
				case <-stop:
					return
				default:
					h.send()
				}
			}
		})
	}
	f()
	close(stop)
	senders.Wait()
}

// verdict compares what was sent with what was handled, when everything has ended.
func (s *soak) verdict() {
	for _, m := range s.monitors {
		select {
		case <-m.notice:
		case <-time.After(testutil.HangGuard / 8):
			s.Errorf("a monitor of %s gives no notice; then came %v", m.path, s.last[m.at:])
		}
	}
	b := s.books()
	if missing := s.missing(b, true); len(missing) > 0 {
		s.Errorf("%d missing: %v", len(missing), head(missing))
	}
	if wrong := b.wrong(s.letters); len(wrong) > 0 {
		s.Errorf("%d wrong: %s", len(wrong), strings.Join(head(wrong), "\n"))
	}
	if len(s.strange) > 0 {
		s.Errorf("%d strange letters: %s", len(s.strange), strings.Join(head(s.strange), "\n"))
	}
	s.Logf("%d sent, %d handled, %d letters, %d without their bytes; %v", len(b.sent), len(b.handled), len(s.letters), sum(s.unread), s.did)
}

func head[T any](l []T) []T { return l[:min(len(l), 20)] }

func sum(m map[way]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

func (s *soak) letter(l supervisor.Letter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(l.Name, "/actor.") || strings.HasSuffix(l.Name, ".Census") {
		return // a piece of a stream, which its sender sees broken; or a question of the test's own
	}
	switch l.Reason {
	case supervisor.LetterUnread, supervisor.LetterQuarantined:
		if key, ok := keyIn(l.Payload); ok {
			s.letters[load{key, l.To}]++
		} else if l.Reason == supervisor.LetterUnread && len(l.Payload) == 0 {
			s.unread[way{l.From, l.To}]++
		} else {
			s.strange = append(s.strange, fmt.Sprintf("%+v", l))
		}
	case supervisor.LetterHandlerError:
		if l.Text != errUnwanted.Error() {
			s.strange = append(s.strange, fmt.Sprintf("%+v", l))
		}
	default:
		s.strange = append(s.strange, fmt.Sprintf("%+v", l))
	}
}

// disturb does something to one of the processes.
func (s *soak) disturb() {
	i := rand.IntN(len(s.refs))
	ref, path := s.refs[i], s.paths[i]
	above := s.sup
	if j := strings.LastIndexByte(path, '/'); j > 0 {
		b, err := s.sup.Below(path[:j])
		if err != nil {
			return // its supervisor is being restarted
		}
		above = b
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Duration(1+rand.IntN(2000))*time.Millisecond)
	defer cancel()
	what := [...]string{"sigkill", "sigkill", "kill", "stop", "replace", "replace", "terminate", "subtree", "guest", "monitor", "pause", "all"}[rand.IntN(12)]
	switch what {
	case "sigkill":
		if pid := pidBelow(above, ref.ID); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	case "kill":
		_ = s.sup.Kill(ref.ID)
	case "stop":
		if pid := pidBelow(above, ref.ID); pid > 0 && syscall.Kill(pid, syscall.SIGSTOP) == nil {
			s.pause(rand.IntN(20))
			if rand.IntN(3) == 0 {
				_ = s.sup.Kill(ref.ID)
			}
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	case "replace":
		_ = s.sup.Replace(ctx, ref.ID, supervisor.Replacement{})
	case "terminate":
		_ = above.Terminate(ctx, ref.ID)
		s.pause(rand.IntN(20))
		_ = above.Restart(s.ctx, ref.ID)
	case "subtree":
		for _, c := range s.sup.Children() {
			if c.Name == "yard" && c.PID > 0 {
				_ = syscall.Kill(c.PID, syscall.SIGKILL)
			}
		}
	case "guest":
		s.guest(ctx)
	case "monitor":
		if ch, _, err := actor.Monitor(ctx, ref); err == nil {
			s.monitors = append(s.monitors, watched{ch, path, len(s.last)})
		}
	case "all":
		_ = s.sup.ReplaceAll(ctx, supervisor.Replacement{})
	}
	s.pause(rand.IntN(30))
	s.did[what]++
	s.last = append(s.last, what+" "+path)
}

// pause lets others run for so many milliseconds.
func (s *soak) pause(ms int) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-s.ctx.Done():
	}
}

// guest is a child that gets messages and ends for good, with what it has not read.
func (s *soak) guest(ctx context.Context) {
	ref, err := supervisor.StartChild(ctx, s.sup, hauler, supervisor.Child{Name: "guest", Restart: supervisor.Temporary, Stderr: io.Discard, Shutdown: 100 * time.Millisecond})
	if err != nil {
		return
	}
	h := newHaul(s.ctx, s.dir, 0, []actor.Ref[Hauler]{ref})
	defer h.close()
	for range 50 + rand.IntN(200) {
		h.send()
	}
	switch rand.IntN(3) {
	case 0:
		_ = s.sup.Kill(ref.ID)
	case 1:
		_ = s.sup.Terminate(s.ctx, ref.ID)
	default:
		_ = actor.Tell(s.ctx, ref, Fate{Key: h.next(ref.ID), How: 1})
		h.outcome(sentUnsure)
	}
	for { // until its name is free
		if _, err := s.sup.Below("guest"); errors.Is(err, supervisor.ErrNotFound) || s.ctx.Err() != nil {
			return
		}
		if pidBelow(s.sup, ref.ID) == 0 {
			return
		}
		runtime.Gosched()
	}
}

func pidBelow(above *supervisor.Supervisor, id uint32) int {
	for _, c := range above.Children() {
		if c.ID == id {
			return c.PID
		}
	}
	return 0
}

// settle waits until everybody runs, has sent what it was to send, and has handled
// what came.
func (s *soak) settle() {
	deadline := time.Now().Add(testutil.HangGuard / 2)
	for {
		busy, missing := s.busy(), []string(nil)
		if busy == 0 {
			if missing = s.missing(s.books(), false); len(missing) == 0 {
				return
			}
		}
		if time.Now().After(deadline) {
			s.show()
			s.Fatalf("stuck: %d at work, %d missing: %s", busy, len(missing), strings.Join(head(missing), "\n"))
		}
		s.pause(5)
	}
}

// busy counts the rounds that are going on, and the actors that do not run; it starts
// those that were terminated.
func (s *soak) busy() (n int) {
	for i, ref := range s.refs {
		ctx, cancel := context.WithTimeout(s.ctx, testutil.HangGuard/8)
		c, err := actor.Ask(ctx, ref, Census{})
		cancel()
		switch {
		case errors.As(err, new(*actor.GoneError)):
			s.startAgain(s.paths[i], ref.ID)
			n++
		case errors.As(err, new(*actor.DeathError)):
			n++
		case err != nil:
			s.show()
			s.Fatalf("%s does not answer: %v", s.paths[i], err)
		}
		n += c.Working
	}
	return n
}

// startAgain restarts an actor that was terminated, and the supervisors above it. It must
// have kept its number.
func (s *soak) startAgain(path string, id uint32) {
	above, names := s.sup, strings.Split(path, "/")
	for i, name := range names {
		whole := strings.Join(names[:i+1], "/")
		for _, c := range above.Children() {
			if c.Name != whole {
				continue
			}
			if c.State == "stopped" {
				_ = above.Restart(s.ctx, c.ID)
			}
			if i == len(names)-1 && c.ID != id {
				s.show()
				s.Fatalf("%s was number %d and is %d", path, id, c.ID)
			}
		}
		if i < len(names)-1 {
			below, err := above.Below(name)
			if err != nil {
				return // it has not been started yet
			}
			above = below
		}
	}
}

// show logs what is known of the tree.
func (s *soak) show() {
	var of func(path string, sup *supervisor.Supervisor)
	of = func(path string, sup *supervisor.Supervisor) {
		for _, c := range sup.Children() {
			s.Logf("%s%s: %+v", path, c.Name, c)
			if below, err := sup.Below(c.Name); err == nil {
				of(path+c.Name+"/", below)
			}
		}
	}
	of("", s.sup)
	s.Logf("did %v, last %v", s.did, s.last[max(0, len(s.last)-40):])
}

func (s *soak) books() *books {
	s.Helper()
	b := &books{sent: map[load]sending{}, handled: map[load][]handling{}}
	for _, file := range []struct {
		name string
		take func(record)
	}{{"handled", b.handling}, {"sent", b.sending}} { // in this order: what is sent after that is not expected
		raw, err := os.ReadFile(filepath.Join(s.dir, file.name))
		if err != nil {
			s.Fatal(err)
		}
		for ; len(raw) >= recordBytes; raw = raw[recordBytes:] {
			file.take(readRecord(raw))
		}
	}
	return b
}

// missing is what was sent, not handled and no letter. At the end there must be no more
// letters without their bytes than messages that are missing.
func (s *soak) missing(b *books, final bool) (missing []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	must, may := map[way]int{}, map[way]int{}
	first := map[way]load{}
	for l, m := range b.sent {
		if len(b.handled[l]) > 0 || s.letters[l] > 0 {
			continue
		}
		w := way{m.from, l.To}
		switch m.outcome {
		case sentTold:
			must[w]++
			first[w] = l
		case sentIntended, sentUnsure:
			may[w]++
		}
	}
	for w, n := range must {
		if n > s.unread[w] {
			missing = append(missing, fmt.Sprintf("from %d to %d: %d, and %d letters, such as %+v", w.From, w.To, n, s.unread[w], first[w]))
		}
	}
	if !final {
		return missing
	}
	for w, n := range s.unread {
		if n > must[w]+may[w] {
			missing = append(missing, fmt.Sprintf("from %d to %d: %d letters of %d+%d", w.From, w.To, n, must[w], may[w]))
		}
	}
	return missing
}
