package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// whimVar is the directory of a TestWhims: its children do what they like until the file
// "calm" is there.
const whimVar = "SUPERVISOR_TEST_WHIMS"

// Whim is an actor whose start fails in many ways, and that gives orders.
type Whim struct{}

type (
	WhimSelf struct{ actor.Asks[Whim, Me] }
	WhimEnd  struct {
		actor.Tells[Whim]
		How string
	}
	WhimOrder struct {
		actor.Asks[Whim, WhimOutcome]
		Path, What string
		ID         uint32
	}
	WhimOutcome struct{ Text string }
)

func calm() bool {
	_, err := os.Stat(filepath.Join(os.Getenv(whimVar), "calm"))
	return err == nil
}

// whimsical returns an error, or is slow, now and then.
func whimsical() error {
	if calm() {
		return nil
	}
	switch r := rand.IntN(100); {
	case r < 3:
		return errors.New("not today")
	case r < 4:
		return actor.ErrIgnore
	case r < 20:
		dawdle(30)
	}
	return nil
}

var (
	whim = actor.Define("whim", func(s *actor.Setup[Whim]) error {
		if !calm() {
			switch r := rand.IntN(100); {
			case r < 2:
				os.Exit(9)
			case r < 3:
				os.Exit(0)
			case r < 4:
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
		if rand.IntN(2) == 0 {
			s.OnStop(func(*actor.Context) {
				if !calm() {
					dawdle(60)
				}
			})
		}
		return setUpWhim(s, false)
	})
	whimInPlace = actor.Define("whim in place", func(s *actor.Setup[Whim]) error { return setUpWhim(s, true) })
	whimWild    = supervisor.Define("wild", func() (supervisor.Spec, error) {
		return whimSpec(supervisor.OneForAll, listedWhims("la", "lb", "lt", "lp", "lx", "lin", "lcmd"), whimPool("lpool"),
			supervisor.Child{Name: "ltame", Subtree: whimTame, Restart: supervisor.Transient}), whimsical()
	})
	whimTame = supervisor.Define("tame", func() (supervisor.Spec, error) {
		spec := whimSpec(supervisor.RestForOne, listedWhims("la", "lb"))
		return whimSpec(supervisor.OneForOne, listedWhims("la", "lx"), supervisor.Child{Name: "lin", Supervisor: &spec}), whimsical()
	})
	whimFrail = supervisor.Define("frail", func() (supervisor.Spec, error) {
		spec := whimSpec(supervisor.RestForOne, listedWhims("la", "ltemp", "lx"))
		spec.Intensity, spec.Period = 2, time.Second
		return spec, whimsical()
	})
)

// giveWhimOrder is whimOrder, which needs the definitions.
var giveWhimOrder func(ctx context.Context, sup *supervisor.Supervisor, what, name string, id uint32) error

func init() { giveWhimOrder = whimOrder }

func setUpWhim(s *actor.Setup[Whim], inPlace bool) error {
	actor.OnAsk(s, func(c *actor.Context, _ WhimSelf) (Me, error) { return Me{os.Getpid(), c.Incarnation()}, nil })
	actor.OnTell(s, func(c *actor.Context, e WhimEnd) error {
		switch {
		case e.How == "stop", inPlace && strings.HasPrefix(e.How, "exit"), inPlace && e.How == "panic":
			c.Stop()
			return nil
		}
		switch e.How {
		case "shutdown":
			c.Exit("shutdown")
		case "exit 0":
			os.Exit(0)
		case "exit 3":
			os.Exit(3)
		case "panic":
			panic("a whim")
		case "slow":
			dawdle(200)
		}
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, o WhimOrder) (WhimOutcome, error) {
		sup, err := supervisor.Of(c)
		if err == nil && o.Path != "" {
			sup, err = sup.Below(o.Path)
		}
		if err != nil {
			return WhimOutcome{}, err
		}
		return WhimOutcome{}, giveWhimOrder(c, sup, o.What, "", o.ID)
	})
	return whimsical()
}

// whimSpec is a Spec with these children.
func whimSpec(s supervisor.Strategy, children []supervisor.Child, more ...supervisor.Child) supervisor.Spec {
	return supervisor.Spec{Strategy: s, Intensity: 100_000, Period: 3 * time.Hour, Children: slices.Concat(children, more),
		Pace: supervisor.Pace{}}
}

func listedWhims(names ...string) (all []supervisor.Child) {
	for _, name := range names {
		c := supervisor.Child{Name: name, Actor: whim, Shutdown: 300 * time.Millisecond}
		switch name {
		case "lb":
			c.Shutdown = supervisor.BrutalKill
		case "lt", "ltr":
			c.Restart = supervisor.Transient
		case "ltemp":
			c.Restart = supervisor.Temporary
		case "lp":
			c.Backoff = supervisor.Backoff{Min: 5 * time.Millisecond, Max: 20 * time.Millisecond}
		case "lx":
			c.Backoff = supervisor.Backoff{Min: 5 * time.Millisecond, Max: 20 * time.Millisecond, Jitter: 0.5}
			c.Restart = supervisor.Transient
		case "lin":
			c.Actor, c.InPlace = whimInPlace, true
		case "lop":
			c.Operator = true
		case "lcmd":
			c = whimCommand(name)
		}
		all = append(all, c)
	}
	return all
}

func whimCommand(name string) supervisor.Child {
	command := shell(`if [ ! -e "$`+whimVar+`/calm" ] && [ $(($$ % 7)) = 0 ]; then sleep 0.05; exit 3; fi; exec sleep 1000`, supervisor.Command{PassEnv: []string{whimVar}})
	command.Log = nil
	return supervisor.Child{Name: name, Command: &command, Shutdown: 300 * time.Millisecond}
}

func whimPool(name string) supervisor.Child {
	c := supervisor.Pool{Name: name, Size: 2, Intensity: 100, Period: time.Hour, Member: supervisor.Child{Shutdown: 300 * time.Millisecond}}.Child(whim)
	return c
}

func whimRoot() supervisor.Spec {
	group := whimSpec(supervisor.RestForOne, listedWhims("la", "lt", "lin", "lcmd", "lx"))
	auto := whimSpec(supervisor.OneForAll, listedWhims("la", "ltr"))
	auto.AutoShutdown = supervisor.AnySignificant
	auto.Children[1].Significant = true
	any := supervisor.Spec{Strategy: supervisor.SimpleOneForOne, Intensity: 1000, Period: time.Hour, Children: listedWhims("la")}
	return whimSpec(supervisor.OneForOne, listedWhims("la", "lb", "lt", "lp", "lx", "lin", "lcmd", "lop", "ltemp"),
		supervisor.Child{Name: "lgroup", Supervisor: &group},
		supervisor.Child{Name: "lauto", Supervisor: &auto, Shutdown: time.Second},
		supervisor.Child{Name: "lany", Supervisor: &any},
		whimPool("lpool"),
		supervisor.Child{Name: "lwild", Subtree: whimWild, Stderr: io.Discard},
		supervisor.Child{Name: "lfrail", Subtree: whimFrail, Stderr: io.Discard, Shutdown: 400 * time.Millisecond, Start: 2 * time.Second},
		supervisor.Child{Name: "ltame", Subtree: whimTame, InPlace: true})
}

// whimOrder gives an order to sup, about a child if id is not 0.
func whimOrder(ctx context.Context, sup *supervisor.Supervisor, what, name string, id uint32) (err error) {
	if name == "" {
		name = fmt.Sprintf("d%d", rand.IntN(4))
	}
	c := supervisor.Child{Name: name, Restart: supervisor.Restart(rand.IntN(3)), Shutdown: 300 * time.Millisecond}
	switch what {
	case "start":
		if c.InPlace = rand.IntN(4) == 0; c.InPlace {
			_, err = supervisor.StartChild(ctx, sup, whimInPlace, c)
		} else {
			_, err = supervisor.StartChild(ctx, sup, whim, c)
		}
	case "start command":
		cmd := whimCommand(name)
		_, err = supervisor.StartCommand(ctx, sup, *cmd.Command, c)
	case "start supervisor":
		c.Shutdown = 0
		_, err = sup.StartSupervisor(ctx, whimSpec(supervisor.Strategy(rand.IntN(3)), listedWhims("la", "ltr")), c)
	case "start subtree":
		c.Shutdown, c.InPlace = []time.Duration{0, 200 * time.Millisecond, supervisor.BrutalKill}[rand.IntN(3)], rand.IntN(3) == 0
		_, err = supervisor.StartSubtree(ctx, sup, []*supervisor.Definition{whimTame, whimFrail}[rand.IntN(2)], c)
	case "start pool":
		_, err = supervisor.StartPool(ctx, sup, whim, supervisor.Pool{Name: name, Size: 1 + rand.IntN(2), Intensity: 10, Restart: c.Restart})
	case "terminate":
		err = sup.Terminate(ctx, id)
	case "restart":
		err = sup.Restart(ctx, id)
	case "delete":
		err = sup.Delete(ctx, id)
	case "terminate, delete":
		if err = sup.Terminate(ctx, id); err == nil {
			err = sup.Delete(ctx, id)
		}
	case "kill":
		err = sup.Kill(id)
	case "replace":
		err = sup.Replace(ctx, id, supervisor.Replacement{})
	case "replace all":
		err = sup.ReplaceAll(ctx, supervisor.Replacement{})
	case "resize":
		err = sup.Resize(ctx, id, 1+rand.IntN(4))
	}
	return err
}

// dawdle waits for less than so many milliseconds.
func dawdle(ms int) { <-time.After(time.Duration(rand.IntN(ms)) * time.Millisecond) }
