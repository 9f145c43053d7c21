package actor_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// impostor is the supervisor and the worker of an asker, in the hands of a test: the
// worker answers what no build of this program would.
type impostor struct {
	*wiretest.Peer
	t   *testing.T
	ctx context.Context // the asker's
	box wire.Mailbox
	in  *mailbox.Inbox // the worker's
}

func newImpostor(t *testing.T, cfg mailbox.Config) *impostor {
	t.Helper()
	testutil.Audit(t)
	s, a := sock.Local()
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	i := &impostor{t: t, Peer: &wiretest.Peer{T: t, Link: s}, box: cfg.Wire()}
	i.Say(&wire.Begin{Version: wire.Version, Self: wire.Addr{ID: 1, Incarnation: 1}, Name: "asker"})
	h, err := hosting.New(hosting.Config{Link: a, Notifier: n, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard)
	i.ctx = h.Context(ctx)
	t.Cleanup(func() {
		cancel()
		h.Close()
		s.Close()
	})
	return i
}

// asked is the first ask of the worker, which is number 2.
func (i *impostor) asked() *mailbox.Message {
	t := i.t
	t.Helper()
	r := wiretest.Hear[*wire.Resolve](i.Peer)
	i.Say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: 2, Name: "worker", Mailbox: i.box})
	o, files := wiretest.HearAll[*wire.Open](i.Peer)
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	in, page, out, err := lane.Accept(&wire.Lane{From: wire.Addr{ID: 1, Incarnation: 1}, Queue: o.Queue, Cells: o.Cells, Size: o.Size, Bell: o.Bell}, files, n)
	if err != nil {
		t.Fatal(err)
	}
	// Its segments stay with the supervisor.
	i.in = mailbox.NewInbox("asker", i.box, in, 1<<16, mailbox.Sharing{Announce: func(uint16, transport.File, int, int, int) error { return nil }})
	t.Cleanup(func() {
		i.in.Close()
		n.Close()
	})
	page.Peer = wire.Addr{ID: 2, Incarnation: 1}
	i.Say(page, out...)
	m := new(mailbox.Message)
	for {
		switch err := i.in.Next(m); {
		case err == nil:
			return m
		case err != transport.ErrEmpty || i.ctx.Err() != nil:
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

// TestRefusedAnswerGivesBack: the blocks of an answer that its asker cannot read are
// the callee's again as soon as the ask has failed.
func TestRefusedAnswerGivesBack(t *testing.T) {
	const pool = 64 << 10
	type another struct{ Data actor.Buffer }
	for what, give := range map[string]func(m *mailbox.Message, b actor.Buffer) error{
		"of another type": func(m *mailbox.Message, b actor.Buffer) error {
			typ, err := codec.Of[another]()
			if err != nil {
				return err
			}
			return mailbox.Reply(m, typ, &another{b})
		},
		"whose segment does not come": func(m *mailbox.Message, b actor.Buffer) error {
			typ, err := codec.Of[Blurred]()
			if err != nil {
				return err
			}
			return mailbox.Reply(m, typ, &Blurred{Data: b})
		},
	} {
		t.Run(what, func(t *testing.T) {
			i := newImpostor(t, mailbox.Config{PoolBytes: pool, MaxBytes: pool})
			ctx, cancel := context.WithCancel(i.ctx)
			defer cancel()
			failed := make(chan error, 1)
			go func() {
				_, err := actor.Ask(ctx, actor.Ref[Worker]{ID: 2}, Blur{})
				failed <- err
			}()
			m := i.asked()
			b, err := i.in.Lend(pool)
			if err == nil {
				err = give(m, b)
			}
			if err != nil {
				t.Fatal(err)
			}
			i.in.Done(m)
			if what == "whose segment does not come" {
				for all := make([]byte, 1<<20); !bytes.Contains(all[:runtime.Stack(all, true)], []byte("WhenAnnounced")); {
					runtime.Gosched() // it does not wait for the answer any more, but for its segment
				}
				cancel()
			}
			if err := <-failed; err == nil {
				t.Fatalf("it was read: %v", err)
			}
			b, err = i.in.Lend(pool)
			if err != nil {
				t.Errorf("the asker has failed, and the callee has not got its blocks back: %v", err)
			}
			b.Release()
		})
	}
}
