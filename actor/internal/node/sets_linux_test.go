package node

import (
	"errors"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
)

// TestLargeSets: the supervisor keeps each segment of a set for every member, and ends a
// process that has it keep too many. So of large sets a process has fewer, and of too large
// ones none.
func TestLargeSets(t *testing.T) {
	s := newScript(t)
	target := s.target()
	go s.keepSegments()
	shared := func(members int) (*mailbox.Shared, error) {
		return s.node.Shared(slices.Repeat([]*Target{target}, members))
	}
	kept := func() (n, sets int) {
		for _, g := range slices.Concat(s.node.sets.all, s.node.sets.out) {
			n += mailbox.KeptFor(len(g.Members()))
		}
		return n, len(s.node.sets.all)
	}
	for size, most := range map[int]int{360: maxSets, 600: 10, 2000: 3, 6000: 1} {
		for i := range maxSets + 2 {
			g, err := shared(size + i)
			if err != nil || g.Closed() {
				t.Fatalf("%d members: %v", size, err)
			}
			if n, sets := kept(); n > mailbox.MaxKept || i > maxSets && sets != most {
				t.Fatalf("%d segments of %d sets, of about %d members", n, sets, size)
			}
		}
	}
	limit := new(transport.LimitError)
	if _, err := shared(mailbox.MaxKept/2 + 1); !errors.As(err, &limit) || limit.Value != mailbox.MaxKept {
		t.Errorf("of too many members: %v", err)
	}
	for i := range 4 { // three of them have room
		g, err := shared(2000 + i)
		if i == 3 {
			if !errors.As(err, &limit) || limit.Value != mailbox.MaxKept || !errors.Is(err, errSets) {
				t.Errorf("beside sets in use: %v", err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := g.Lend(100)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
	}
}
