package mailbox_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestBufferOfTwoGoroutines: goroutines that send one buffer at a time, or release it
// meanwhile, are told as those are that do it one after another: it leaves once, and
// who comes later panics with ErrBufferDead.
func TestBufferOfTwoGoroutines(t *testing.T) {
	for _, queue := range []string{"ring", "unix"} {
		for _, what := range []string{"send", "send two", "tell all", "release"} {
			t.Run(queue+" "+what, func(t *testing.T) {
				out, in := pair(t, mailbox.Config{Queue: queue}.Wire())
				defer in.Close()
				defer out.Close()
				blobs, twos := typeOf[blob](t), typeOf[two](t)
				var m mailbox.Message
				for range testutil.Rounds(300, 20_000) {
					b := fill(t, out.Lend, 1000, 1)
					send := func() error { return mailbox.Send(out, wire.EntryTell, 0, 0, blobs, &blob{b}) }
					other := send
					switch what {
					case "send two":
						send = func() error {
							first := fill(t, out.Lend, 1000, 2)
							defer first.Release()
							return mailbox.Send(out, wire.EntryTell, 0, 0, twos, &two{first, b})
						}
						other = send
					case "tell all":
						send = func() error {
							c, err := mailbox.NewCast(nil, blobs, &blob{b})
							if err != nil {
								return err
							}
							sent := false
							defer func() { c.End(sent) }()
							err = c.Give(out, true)
							sent = err == nil
							return err
						}
						other = send
					case "release":
						other = func() error { b.Release(); return nil }
					}
					sent, dead := together(t, send, other)
					if sent+dead != 2 {
						t.Fatalf("%d have sent the buffer, %d found it dead", sent, dead)
					}
					if what == "release" {
						sent-- // to release is always right
					} else if sent != 1 {
						t.Fatalf("%d of two goroutines have sent one buffer", sent)
					}
					for range sent {
						if err := in.Next(&m); err != nil {
							t.Fatal(err)
						}
						in.Done(&m)
						in.Flush(&m)
					}
				}
				if s := mailbox.Blocks(out); s.Taken != 0 {
					t.Errorf("%d blocks are out at the end", s.Taken)
				}
			})
		}
	}
}

// together calls f and g at the same time, and counts those that have returned, and
// those that have panicked with ErrBufferDead.
func together(t *testing.T, f, g func() error) (returned, dead int) {
	var there, ok, late atomic.Int32
	var done sync.WaitGroup
	for _, f := range []func() error{f, g} {
		done.Go(func() {
			defer func() {
				v := recover()
				if err, _ := v.(error); errors.Is(err, mailbox.ErrBufferDead) {
					late.Add(1)
				} else if v != nil {
					t.Error("panic with", fmt.Sprint(v))
				}
			}()
			for there.Add(1); there.Load() < 2; {
				runtime.Gosched()
			}
			if err := f(); err != nil {
				t.Error(err)
			}
			ok.Add(1)
		})
	}
	done.Wait()
	return int(ok.Load()), int(late.Load())
}
