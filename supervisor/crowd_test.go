package supervisor_test

import (
	"fmt"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestCrowd: more peers than a futex wait takes.
func TestCrowd(t *testing.T) {
	if testing.Short() {
		t.Skip("140 actors take a while")
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	var refs []actor.Ref[Node]
	for i := range 140 {
		refs = append(refs, startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint(i), InPlace: true, Mailbox: mailbox.Config{Queue: "ring", RingBytes: 4096}}))
	}
	for range 3 {
		for _, ref := range refs {
			who(t, ctx, ref)
		}
	}
}
