package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Decoder struct{}

// Open makes the decoder open the same file n times; the answer is how many
// times it could.
type (
	Open struct {
		actor.Asks[Decoder, Opened]
		N int
	}
	Opened struct {
		N    int
		Full bool
	}
)

var decoder = actor.Define("decoder", func(s *actor.Setup[Decoder]) error {
	actor.OnAsk(s, func(c *actor.Context, o Open) (Opened, error) {
		for i := range o.N {
			f, err := os.Open(os.DevNull)
			if err != nil {
				return Opened{i, errors.Is(err, syscall.EMFILE)}, nil
			}
			defer f.Close()
		}
		return Opened{N: o.N}, nil
	})
	return nil
})

// A decoder of files from strangers: few descriptors, no core file with their
// content, no new privileges, no sockets, no process of its own, and only one
// directory to read. The last is optional, since not every kernel has Landlock.
func ExampleLimits() {
	ctx := context.Background()
	sup, err := supervisor.New(ctx, supervisor.Spec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	ref, err := supervisor.StartChild(ctx, sup, decoder, supervisor.Child{
		Limits: supervisor.Limits{
			Resources:  map[supervisor.Limit]uint64{supervisor.LimitOpenFiles: 64, supervisor.LimitCore: 0},
			NoNewPrivs: true,
			DenyCalls:  []string{"socket", "execve", "execveat", "ptrace"},
			ReadOnly:   []string{os.TempDir(), "/lib", "/lib64", "/usr"},
			Optional:   []supervisor.Limit{supervisor.LimitPaths, supervisor.LimitCalls},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	o, err := actor.Ask(ctx, ref, Open{N: 100})
	fmt.Println("could open all:", o.N == 100, "too many open files:", o.Full, err)
	// Output: could open all: false too many open files: true <nil>
}
