package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// beside compares polling with sleeping at once where other work wants every
// processor: pairs of runs, one with UNDERSTUDY_SPIN=off and one without, in
// random order, while as many processes as there are processors do nothing but
// count. How the kernel places them all decides what one run finds; so only many
// pairs say something, and each ratio comes with its interval.
func beside(c config, out io.Writer) error {
	runtime.LockOSThread() // children die with the thread that started them
	var others []*busy
	defer func() {
		for _, b := range others {
			b.end()
		}
	}()
	for range runtime.NumCPU() {
		b, err := startBusy()
		if err != nil {
			return err
		}
		others = append(others, b)
	}
	fmt.Fprintf(out, "beside %d busy processes, with polling over without: mean of %d pairs [95 %% interval]\n", len(others), c.pairs)
	for _, work := range c.works {
		var rates, counts []float64 // logarithms of the ratios
		for range c.pairs {
			var rate, count [2]float64
			for _, off := range rand.Perm(2) {
				var err error
				if rate[off], count[off], err = oneBeside(c.plan, work, off == 1, others); err != nil {
					return err
				}
			}
			rates = append(rates, math.Log(rate[0]/rate[1]))
			counts = append(counts, math.Log(count[0]/count[1]))
		}
		fmt.Fprintf(out, "%s: messages a second %s, work of the others %s\n", work, interval(rates), interval(counts))
	}
	return nil
}

// spinVar is the environment variable that turns polling off.
const spinVar = "UNDERSTUDY_SPIN"

// oneBeside is one run: its rate, and how much the others have done in a second.
func oneBeside(p Plan, work string, off bool, others []*busy) (rate, count float64, err error) {
	if off {
		os.Setenv(spinVar, "off")
		defer os.Unsetenv(spinVar)
	}
	before, err := total(others)
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	rs, err := runFresh(p, work)
	if err != nil {
		return 0, 0, err
	}
	took := time.Since(begun).Seconds()
	after, err := total(others)
	if err != nil {
		return 0, 0, err
	}
	count = (after - before) / took
	switch r := rs[0]; {
	case r.Rate > 0:
		return r.Rate, count, nil
	case r.Mean > 0:
		return 1e9 / r.Mean, count, nil
	}
	return 0, 0, fmt.Errorf("-beside: %s has no rate", work)
}

// interval is the geometric mean of ratios whose logarithms are v, and where it
// lies with 95 % by the spread of v.
func interval(v []float64) string {
	var sum, squares float64
	for _, x := range v {
		sum += x
	}
	mean := sum / float64(len(v))
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	half := 2 * math.Sqrt(squares/float64(max(len(v)-1, 1))/float64(len(v)))
	return fmt.Sprintf("%.3f [%.3f, %.3f]", math.Exp(mean), math.Exp(mean-half), math.Exp(mean+half))
}

// busy is a process that does nothing but count.
type busy struct {
	cmd *exec.Cmd
	ask io.WriteCloser
	say *bufio.Reader
}

func startBusy() (*busy, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &busy{cmd: exec.Command(exe, "-peers", "busy")}
	b.cmd.Stderr, b.cmd.SysProcAttr = os.Stderr, dieWithParent()
	ask, err := b.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	say, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.ask, b.say = ask, bufio.NewReader(say)
	return b, b.cmd.Start()
}

// total is how far the processes have counted.
func total(all []*busy) (sum float64, err error) {
	for _, b := range all {
		var n float64
		if _, err := fmt.Fprintln(b.ask); err != nil {
			return 0, fmt.Errorf("-beside: busy process: %w", err)
		}
		if _, err := fmt.Fscanln(b.say, &n); err != nil {
			return 0, fmt.Errorf("-beside: busy process: %w", err)
		}
		sum += n
	}
	return sum, nil
}

// end ends the process.
func (b *busy) end() {
	b.ask.Close()
	_ = b.cmd.Wait()
}

// worked is what count has worked out, so that it has to.
var worked uint64

// count is what a busy process does: it counts, and says how far it is for each
// line that it reads, until there are no more.
func count(in io.Reader, out io.Writer) {
	lines := make(chan struct{})
	go func() {
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- struct{}{}
		}
		close(lines)
	}()
	for n, x := 0, uint64(1); ; n++ {
		for range 100_000 { // some 50 µs
			x = x*6364136223846793005 + 1
		}
		select {
		case _, ok := <-lines:
			if !ok {
				return
			}
			worked = x
			fmt.Fprintln(out, n)
		default:
		}
	}
}
