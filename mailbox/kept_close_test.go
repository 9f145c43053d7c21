package mailbox_test

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestKeptBeyondTheLane: a kept buffer is readable after its lane was closed, and its
// memory goes with its release.
func TestKeptBeyondTheLane(t *testing.T) {
	testutil.Audit(t)
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	l := newLateBy(t, mailbox.Config{PoolBytes: 1 << 20}.Wire(), n, n)
	if err := mailbox.Send(l.out, wire.EntryTell, 0, 0, typeOf[two](t), &two{First: fill(t, l.out.Lend, 4<<10, 7)}); err != nil {
		t.Fatal(err)
	}
	l.deliver(t)
	var m mailbox.Message
	var v two
	if err := l.in.Next(&m); err != nil {
		t.Fatal(err)
	}
	if err := mailbox.Decode(&m, typeOf[two](t), &v); err != nil {
		t.Fatal(err)
	}
	v.First.Keep()
	l.in.Done(&m)
	l.in.Close()
	if got := v.First.Bytes()[4<<10-1]; got != 7 {
		t.Errorf("it reads %d, want 7", got)
	}
	v.First.Release()
}
