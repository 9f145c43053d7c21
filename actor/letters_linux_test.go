package actor_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// post collects the dead letters of a program.
type post chan supervisor.Letter

// next returns the next letter with a message whose type is called so.
func (p post) next(t *testing.T, ctx context.Context, name string) supervisor.Letter {
	t.Helper()
	for {
		select {
		case l := <-p:
			if strings.HasSuffix(l.Name, "."+name) {
				return l
			}
		case <-ctx.Done():
			t.Fatal("no letter of a ", name)
		}
	}
}

// TestDecodeUnread: the messages that an actor leaves unread when it ends for good are
// in their letters.
func TestDecodeUnread(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	letters := make(post, 100)
	ctx, sup, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) { letters <- l }},
		supervisor.Child{Shutdown: supervisor.BrutalKill})
	m, err := actor.Ask(ctx, ref, Add{})
	if err != nil {
		t.Fatal(err)
	}
	buf, err := actor.Lend(ctx, ref, 100)
	if err != nil {
		t.Fatal(err)
	}
	buf.Bytes()[0] = 1
	stopProcess(t, m.PID)
	sizes := []int{0, 100, 5000, 60_000, 70_000}
	for i, n := range sizes {
		if err := actor.Tell(ctx, ref, Note{Seq: uint64(i), Data: bytes.Repeat([]byte{byte(i)}, n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := actor.Tell(ctx, ref, Blot{Data: buf}); err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	for i, n := range sizes {
		l := letters.next(t, ctx, "Note")
		note, err := supervisor.Decode[Note](l)
		if size := new(transport.SizeError); n > 64<<10 && errors.As(err, &size) && size.Size > n && size.Limit < n && note.Data == nil {
			continue
		}
		if err != nil || note.Seq != uint64(i) || !bytes.Equal(note.Data, bytes.Repeat([]byte{byte(i)}, n)) || l.Reason != supervisor.LetterUnread {
			t.Errorf("note %d of %d bytes: %d with %d bytes, %v, %v", i, n, note.Seq, len(note.Data), err, l.Reason)
		}
		if _, err := supervisor.Decode[Tell](l); err == nil || !strings.Contains(err.Error(), "Note") || !strings.Contains(err.Error(), "Tell") {
			t.Errorf("a Note was decoded as a Tell: %v", err)
		}
	}
	if blot, err := supervisor.Decode[Blot](letters.next(t, ctx, "Blot")); err != nil || blot.Data.Len() != 0 || blot.Data.Bytes() != nil {
		t.Error(blot, err)
	}
}

// TestDecodeQuarantined: the message at which an actor died is in its letter, whether it
// travelled in the queue or in a block.
func TestDecodeQuarantined(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	letters := make(post, 100)
	ctx, _, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) { letters <- l }}, supervisor.Child{})
	for _, n := range []int{0, 40_000} {
		want := Do{What: "panic" + strings.Repeat(" ", n)}
		_, err := actor.Ask(ctx, ref, want)
		if d := new(actor.DeathError); !errors.As(err, &d) {
			t.Fatal(err)
		}
		l := letters.next(t, ctx, "Do")
		if got, err := supervisor.Decode[Do](l); err != nil || got != want || l.Reason != supervisor.LetterQuarantined {
			t.Errorf("%d bytes, %v, %v", len(got.What), err, l.Reason)
		}
		l.Type ^= 1 // as if another build had sent it
		if _, err := supervisor.Decode[Do](l); !errors.As(err, new(*codec.MismatchError)) {
			t.Error(err)
		}
	}
	if err := actor.Tell(ctx, ref, Tell{What: "fail"}); err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.Decode[Tell](letters.next(t, ctx, "Tell")); !errors.Is(err, supervisor.ErrNoPayload) {
		t.Error(err)
	}
}
