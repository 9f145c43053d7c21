package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// Flood makes a node send frames that its library would not send.
type Flood struct {
	actor.Asks[Node, Me]
	What  string
	N     int
	Other actor.Ref[Node]
	Known bool // there is a lane to Other already, which may be stopped
}

// flood runs in a node: it sends over the process's own link, past its library.
func flood(c *actor.Context, m Flood) (Me, error) {
	if !m.Known {
		if _, err := actor.Ask(c, m.Other, Who{}); err != nil { // so that there is a lane
			return Me{}, err
		}
	}
	l, fd, err := ownLink()
	if err != nil {
		return Me{}, err
	}
	defer l.Close()
	mem, err := segment.Create("flood", 4096, segment.Options{Form: segment.FormMemfd})
	if err != nil {
		return Me{}, err
	}
	defer mem.Close()
	other := wire.Addr{ID: m.Other.ID, Incarnation: 1}
	for i := range m.N {
		token := uint64(1)<<60 + uint64(i)
		var frame wire.Frame
		var files []transport.File
		switch m.What {
		case "monitors":
			frame = &wire.Monitor{Token: token, ID: m.Other.ID}
		case "links":
			frame = &wire.Link{Token: token, ID: m.Other.ID}
		case "sockets that linger": // for a lane that does not exist
			f, err := lingering()
			if err != nil {
				return Me{}, err
			}
			s, err := unix.Dup(int(f.Fd()))
			f.Close()
			if err != nil {
				return Me{}, err
			}
			frame = &wire.Segment{Token: token, Peer: wire.Addr{ID: 1 << 20, Incarnation: 1}, Size: 4096, Class: 4096, Blocks: 1}
			sent := make(chan error, 1)
			go func() {
				err := unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 600})
				if err == nil {
					err = unix.Sendmsg(fd, wire.Append(nil, frame), unix.UnixRights(s), nil, 0)
				}
				unix.Close(s) // waits if the root was faster: then this one was for nothing
				sent <- err
			}()
			select {
			case err = <-sent:
			case <-time.After(time.Second):
			}
			if err != nil {
				return Me{}, err
			}
			continue
		case "others' frames": // a segment that comes and goes
			s := &wire.Segment{Token: token, Peer: other, Size: 4096, Class: 4096, Blocks: uint32(1 - i%2)}
			if frame = s; s.Blocks == 1 {
				files = []transport.File{mem.File()}
			}
		default:
			s := &wire.Segment{Token: token, Peer: other, ID: uint16(i), Size: 4096, Class: 4096, Blocks: 1}
			if m.What == "replies" {
				s.Reply = 1
			}
			frame, files = s, []transport.File{mem.File()}
		}
		if err := l.Send(wire.Append(nil, frame), files); err != nil {
			return Me{}, err
		}
	}
	return Me{PID: os.Getpid(), Incarnation: c.Incarnation()}, nil
}

// lingering is a socket with something to send, and nobody to read it.
func lingering() (*os.File, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	peer, err := l.Accept()
	if err != nil {
		return nil, err
	}
	peers = append(peers, peer)
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	err = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for b := make([]byte, 1<<20); err == nil; {
		_, err = c.Write(b)
	}
	return f, nil
}

var peers []net.Conn // stay open

// TestOverrun: a process that asks the root for more than it may is killed, an
// event says what it was, its message in hand is charged, and its replacement
// works. One that stays below the bounds is left alone, and so is who is linked or
// watched ever so often.
func TestOverrun(t *testing.T) {
	testutil.Audit(t)
	const bound = 20
	t.Cleanup(supervisor.SetBounds(bound, bound, bound+5, bound))
	for _, c := range []struct {
		what, text string
		n          int
		dies       bool
	}{
		{"monitors", "more than 20 monitors", bound, false},
		{"monitors", "more than 20 monitors", bound + 1, true},
		{"links", "", 10 * bound, false}, // the same link again and again is one
		{"segments", "more than 20 segments on a lane", bound, false},
		{"segments", "more than 20 segments on a lane", bound + 1, true},
		{"replies", "more than 20 segments on a lane", bound + 1, true},
	} {
		t.Run(fmt.Sprint(c.n, " ", c.what), func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 2})
			bad, other := startNode(t, ctx, sup, supervisor.Child{Name: "bad"}), startNode(t, ctx, sup, supervisor.Child{Name: "other"})
			if c.what == "replies" { // the other one has asked, so that there is a lane for answers
				if _, err := actor.Ask(ctx, other, Relay{To: bad}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := actor.Ask(ctx, bad, Flood{What: c.what, N: c.n, Other: other})
			d := new(actor.DeathError)
			if c.dies && !errors.As(err, &d) {
				// The last frames are judged after the answer.
				r.until(t, ctx, "it is killed", func() bool { return len(r.kinds(supervisor.EventExited)) > 0 })
			}
			if !c.dies && err != nil {
				t.Fatal(err)
			}
			m := who(t, ctx, bad)
			over := r.kinds(supervisor.EventOverrun)
			if !c.dies {
				if m.Incarnation != 1 || len(over) > 0 {
					t.Errorf("incarnation %d, %q", m.Incarnation, over)
				}
				return
			}
			if m.Incarnation != 2 || len(over) != 1 {
				t.Errorf("incarnation %d, %q", m.Incarnation, over)
			}
			for _, e := range r.all() {
				switch {
				case e.Kind == supervisor.EventOverrun && !strings.Contains(e.Text, c.text),
					e.Kind == supervisor.EventExited && e.Child == "bad" && !strings.Contains(e.Exit.Summary, c.text):
					t.Error(e)
				case e.Child == "other" && e.Kind == supervisor.EventExited:
					t.Error("the other one has ended, too: ", e)
				}
			}
			if m := who(t, ctx, other); m.Incarnation != 1 {
				t.Errorf("the other one: %+v", m)
			}
		})
	}
}

// TestOverrunBelow: the same below a supervisor in a process of its own, which does
// the killing.
func TestOverrunBelow(t *testing.T) {
	testutil.Audit(t)
	t.Cleanup(supervisor.SetBounds(20, 20, 20, 20))
	ctx, sup, r := newSup(t, supervisor.Spec{})
	sub, a, b := startPair(t, ctx, sup, supervisor.Child{})
	_, _ = actor.Ask(ctx, a, Flood{What: "monitors", N: 21, Other: b}) // it is answered, or killed first
	r.until(t, ctx, "it has been killed and is ready again", func() bool {
		n := 0
		for _, e := range r.all() {
			if e.Kind == supervisor.EventReady && e.Child == "pair/a" {
				n++
			}
		}
		return n == 2
	})
	if m := who(t, ctx, a); m.Incarnation != 2 || sub.Count().Active != 2 {
		t.Errorf("%+v, %+v", m, sub.Count())
	}
	if got, want := r.kinds(supervisor.EventOverrun, supervisor.EventExited), []string{"overrun pair/a", "exited pair/a"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// ownLink is the link of this process, past its library.
func ownLink() (l transport.Link, fd int, err error) {
	if fd, err = unix.Dup(3); err != nil {
		return nil, 0, err
	}
	l, err = sock.New(os.NewFile(uintptr(fd), "link"))
	return l, fd, err
}

// Rant makes a node say, over its own link, what the root is to hear although it is about
// to end the node.
type Rant struct {
	actor.Tells[Node]
	Self     uint32
	To       uint32 // another node
	Watched  uint32 // by its monitors
	Before   int    // monitors, before the root waits in OnLetter
	Monitors int    // after that
	Between  int    // frames without a meaning, after those
}

// Signal makes a node write to a FIFO, or, without one, stop itself by a signal.
type Signal struct {
	actor.Tells[Node]
	Path string
}

const (
	rantRing = 4096
	rantType = 0x7777 // of the message in the lane, which nobody handles
)

// rant ends with a lane in which there is a message, and with the letter of its own
// message.
func rant(c *actor.Context, m Rant) error {
	l, _, err := ownLink()
	if err != nil {
		return err
	}
	defer l.Close()
	send := func(f wire.Frame, files ...transport.File) {
		if err := l.Send(wire.Append(nil, f), files); err != nil {
			panic(err)
		}
	}
	self := wire.Addr{ID: m.Self, Incarnation: uint32(c.Incarnation())}
	for range m.Before {
		if _, err := c.Monitor(m.Watched); err != nil {
			return err
		}
	}
	send(&wire.Letter{From: self, To: self.ID, Reason: wire.LetterHandlerError, Text: "wait"})
	for i := range m.Monitors {
		send(&wire.Monitor{Token: uint64(1)<<60 + uint64(i), ID: m.Watched})
	}
	for range m.Between {
		send(&wire.Drained{From: wire.Addr{ID: 1 << 20, Incarnation: 1}})
	}
	n, err := notify.Best()
	if err != nil {
		return err
	}
	defer n.Close()
	out, open, files, err := lane.Create(lane.Config{Queue: wire.QueueRing, Cells: rantRing}, m.To, n)
	if err != nil {
		return err
	}
	b, err := out.Reserve(wire.PlainHeader(wire.EntryTell))
	if err != nil {
		return err
	}
	wire.PutPlain(b, wire.EntryTell, rantType, 0, 0)
	if err := out.Commit(); err != nil {
		return err
	}
	send(open, files...)
	return errors.New("said too much")
}

func signalRoot(_ *actor.Context, m Signal) error {
	if m.Path == "" {
		return unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
	return os.WriteFile(m.Path, []byte{1}, 0)
}

// ranter is a node that rants, another one, and the letters that come of it.
type ranter struct {
	t          *testing.T
	ctx        context.Context
	sup        *supervisor.Supervisor
	r          *recorder
	bad, other actor.Ref[Node]
	fifo       string
	letters    chan string
}

// startRanter starts both. The root's loop waits in OnLetter until wait has returned.
func startRanter(t *testing.T, wait func(fifo *os.File)) *ranter {
	testutil.Audit(t)
	x := &ranter{t: t, fifo: filepath.Join(t.TempDir(), "fifo"), letters: make(chan string, 100)}
	if err := unix.Mkfifo(x.fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(x.fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fifo.Close() })
	if err := fifo.SetReadDeadline(time.Now().Add(testutil.HangGuard / 2)); err != nil {
		t.Fatal(err)
	}
	x.ctx, x.sup, x.r = newSup(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
		if l.Text == "wait" {
			wait(fifo)
			return
		}
		if !strings.HasSuffix(l.Name, ".Signal") {
			x.letters <- fmt.Sprintf("%s: %#x, %s", l.Child, l.Type, l.Reason)
		}
	}})
	x.bad = startNode(t, x.ctx, x.sup, supervisor.Child{Name: "bad"})
	x.other = startNode(t, x.ctx, x.sup, supervisor.Child{Name: "other", Mailbox: mailbox.Config{Queue: "ring", RingBytes: rantRing}})
	return x
}

// tell makes the node rant, and then signal.
func (x *ranter) tell(m Rant) {
	x.t.Helper()
	m.Self = x.bad.ID
	if err := errors.Join(actor.Tell(x.ctx, x.bad, m), actor.Tell(x.ctx, x.bad, Signal{Path: x.fifo})); err != nil {
		x.t.Fatal(err)
	}
}

// heard checks that the root has heard everything, once.
func (x *ranter) heard() {
	x.t.Helper()
	var got []string
	for len(got) < 2 {
		select {
		case l := <-x.letters:
			got = append(got, l)
		case <-x.ctx.Done():
			x.t.Fatalf("letters %q and no more", got)
		}
	}
	x.sup.Shutdown()
	for close(x.letters); len(x.letters) > 0; {
		got = append(got, <-x.letters)
	}
	slices.Sort(got)
	rants, err := codec.Of[Rant]()
	if err != nil {
		x.t.Fatal(err)
	}
	want := []string{fmt.Sprintf("bad: %#x, handler error", uint64(rants.ID())), fmt.Sprintf("other: %#x, unhandled", rantType)}
	if !slices.Equal(got, want) {
		x.t.Errorf("letters %q, want %q", got, want)
	}
}

// TestOverrunIsHeard: of a process that has asked for too much, what it has done is still
// heard: the lane that it has made has a message that was accepted, and the letter that it
// has sent is of a message that is dealt with.
func TestOverrunIsHeard(t *testing.T) {
	t.Cleanup(supervisor.SetBounds(20, 20, 20, 20))
	x := startRanter(t, func(fifo *os.File) {
		if _, err := fifo.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
	x.tell(Rant{To: x.other.ID, Watched: x.other.ID, Monitors: 21})
	x.r.until(t, x.ctx, "it is killed and ready again", func() bool { return len(x.r.kinds(supervisor.EventReady)) == 3 })
	x.heard()
}
