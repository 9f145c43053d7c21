package mailbox_test

import (
	"runtime"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
)

// TestCastWhileClosing: a message to several, of which one is closed meanwhile, looks at
// nothing that the closing changes.
func TestCastWhileClosing(t *testing.T) {
	for range 20 {
		out, in := pair(t, mailbox.Config{}.Wire())
		typ := typeOf[blob](t)
		c, err := mailbox.NewCast(nil, typ, &blob{})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			out.Shut()
		}()
		for range 100 { // no order between the two that the race detector knows of
			runtime.Gosched()
		}
		_ = c.To(out) // it was quicker, or finds it closed
		<-done
		c.End(false)
		out.Close()
		in.Close()
	}
}
