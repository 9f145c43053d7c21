package codec_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox/codec"
)

// A peer writes the bytes while they are decoded. Whatever comes out must be a
// value that could have been sent: it encodes, and what that gives decodes.
func TestPeerRewritesWhatIsRead(t *testing.T) {
	if raceEnabled {
		t.Skip("the race is what is tested")
	}
	rich := richSample()
	rich.Flags = make([]bool, 64)
	good, err := codec.Append(of[Rich](t), nil, &rich, nil)
	if err != nil {
		t.Fatal(err)
	}
	shared := bytes.Clone(good)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := uint32(1); !stop.Load(); i++ {
			at := i * 2654435761 % uint32(len(shared))
			shared[at] ^= byte(i >> 3) // then right again, so that many values pass
			shared[at] = good[at]
		}
	})
	passed := 0
	rounds := testutil.Rounds(5000, 500_000)
	for range rounds {
		var v, again Rich
		if codec.Decode(of[Rich](t), shared, &v, nil) != nil {
			continue
		}
		passed++
		b, err := codec.Append(of[Rich](t), nil, &v, nil)
		if err == nil {
			err = codec.Decode(of[Rich](t), b, &again, nil)
		}
		if err != nil {
			t.Fatalf("%+v: %v", v, err)
		}
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d of %d passed", passed, rounds)
	if passed == 0 {
		t.Error("no value passed: nothing was tested")
	}
}
