package actor

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/transport"
)

// TestUnreachable: an actor that only this process cannot reach is told by a type that
// users can name, with the reason in it; it has not ended.
func TestUnreachable(t *testing.T) {
	limit := &transport.LimitError{Op: "map a page", Limit: "RLIMIT_NOFILE", Value: 3, Err: errors.New("too many"), Remedy: "raise it"}
	for _, lost := range []error{node.ErrEnded, limit} {
		err := public(fmt.Errorf("mailbox of worker: %w", &node.GoneError{Name: "worker", Lost: lost}))
		u := new(UnreachableError)
		if !errors.As(err, &u) || u.Name != "worker" || !errors.Is(err, lost) || !strings.Contains(err.Error(), lost.Error()) {
			t.Errorf("%T %v", err, err)
		}
		if g := new(GoneError); errors.As(err, &g) || hasEnded(err) {
			t.Error("it has ended:", err)
		}
	}
}
