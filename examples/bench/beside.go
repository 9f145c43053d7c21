package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The sizes of a comparison.
const (
	setPairs  = 25   // most pairs of windows for which the same processes are used
	blockSize = 5    // pairs that are drawn together, since neighbouring pairs are alike
	resamples = 2000 // for an interval
)

// inWindows are the workloads that can be compared in this way.
var inWindows = []string{"echo", "ask", "flood", "fanin"}

// pair is what was done in two neighbouring windows, one with polling and one without, in
// random order.
type pair struct{ with, without float64 }

// beside compares polling with sleeping at once when other work wants the processors: in
// pairs of windows, while c.busy processes only count.
func beside(c config, out io.Writer) error {
	runtime.LockOSThread() // children die with the thread that started them
	var others []*busy
	defer func() {
		for _, b := range others {
			b.end()
		}
	}()
	for range c.busy {
		b, err := startBusy()
		if err != nil {
			return err
		}
		others = append(others, b)
	}
	fmt.Fprintf(out, "busy processes beside it: %d; with polling over without: of all windows [95 %% interval], median of %d pairs of %v\n", c.busy, c.pairs, c.window)
	for _, work := range c.works {
		var ops, counts []pair
		for left := c.pairs; left > 0; left -= setPairs {
			o, n, err := oneSet(c, work, min(left, setPairs), others)
			if err != nil {
				return err
			}
			ops, counts = append(ops, o...), append(counts, n...)
		}
		fmt.Fprintf(out, "%s: %s/s without; with %s", work, thousands(perSecond(ops, c.window)), ratios(ops))
		if len(others) > 0 {
			fmt.Fprintf(out, "; work of the others %s", ratios(counts))
		}
		fmt.Fprintln(out)
	}
	return nil
}

// oneSet compares in fresh processes. It returns what they did in each pair of windows,
// and what the busy ones did.
func oneSet(c config, work string, pairs int, others []*busy) (ops, counts []pair, err error) {
	w := &Windows{Each: c.window}
	for range pairs {
		first := rand.N(2) == 0
		w.Polls = append(w.Polls, first, !first)
	}
	p := c.plan
	p.Windows = w
	rs, err := runFresh(p, work)
	if err != nil {
		return nil, nil, err
	}
	if len(rs[0].Counts) != len(w.Polls) {
		return nil, nil, fmt.Errorf("-beside: %s is not done in windows; %s are", work, strings.Join(inWindows, ", "))
	}
	sum := make([]int, len(w.Polls))
	w.Start = rs[0].Start
	for _, b := range others {
		if err := b.add(sum, w); err != nil {
			return nil, nil, err
		}
	}
	return inPairs(rs[0].Counts, w.Polls), inPairs(sum, w.Polls), nil
}

func inPairs(n []int, polls []bool) (out []pair) {
	for i := 0; i < len(n); i += 2 {
		p := pair{float64(n[i]), float64(n[i+1])}
		if !polls[i] {
			p.with, p.without = p.without, p.with
		}
		out = append(out, p)
	}
	return out
}

// perSecond is how much is done per second in the windows without polling.
func perSecond(ps []pair, window time.Duration) float64 {
	return sum(ps).without / (window.Seconds() * float64(len(ps)))
}

func sum(ps []pair) (s pair) {
	for _, p := range ps {
		s.with, s.without = s.with+p.with, s.without+p.without
	}
	return s
}

func (p pair) ratio() float64 { return p.with / p.without }

// ratios is the ratio of all that was done with polling to all that was done
// without, its interval by drawing blocks of pairs again and again, and the median
// of the pairs' own ratios.
func ratios(ps []pair) string {
	var blocks []pair
	var each []float64
	for b := range slices.Chunk(ps, blockSize) {
		blocks = append(blocks, sum(b))
	}
	for _, p := range ps {
		each = append(each, p.ratio())
	}
	var drawn []float64
	for range resamples {
		var s pair
		for range blocks {
			b := blocks[rand.N(len(blocks))]
			s.with, s.without = s.with+b.with, s.without+b.without
		}
		drawn = append(drawn, s.ratio())
	}
	slices.Sort(drawn)
	return fmt.Sprintf("%.3f [%.3f, %.3f], %.3f", sum(ps).ratio(), drawn[resamples/40], drawn[resamples-resamples/40-1], spreadOf(each).median)
}

// busy is a process that only counts.
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

// add adds what the process has counted in each window.
func (b *busy) add(sum []int, w *Windows) error {
	if _, err := fmt.Fprintln(b.ask, w.Start, int64(w.Each), len(sum)); err != nil {
		return fmt.Errorf("-beside: busy process: %w", err)
	}
	for i := range sum {
		var n int
		if _, err := fmt.Fscan(b.say, &n); err != nil {
			return fmt.Errorf("-beside: busy process: %w", err)
		}
		sum[i] += n
	}
	return nil
}

// end ends the process.
func (b *busy) end() {
	b.ask.Close()
	_ = b.cmd.Wait()
}

// worked keeps the result of count, so that the compiler cannot drop the work.
var worked uint64

// tally is what has been counted until each millisecond.
type tally struct {
	begun  int64 // ns
	counts []int
}

func (t *tally) note(now int64, n int) {
	for int64(len(t.counts)) <= (now-t.begun)/1e6 {
		t.counts = append(t.counts, n)
	}
}

func (t *tally) until(at int64) int {
	return t.counts[min(max((at-t.begun)/1e6, 0), int64(len(t.counts)-1))]
}

// count is the work of a busy process: it counts. For each line that it reads, with
// start, length and number of windows, it prints how far it came in each window, until
// there are no more lines.
func count(in io.Reader, out io.Writer) {
	type question struct {
		start, each int64
		n           int
	}
	asked := make(chan question)
	go func() {
		defer close(asked)
		for lines := bufio.NewReader(in); ; {
			var q question
			if _, err := fmt.Fscanln(lines, &q.start, &q.each, &q.n); err != nil {
				return
			}
			asked <- q
		}
	}()
	begun, origin := time.Now(), monotonic()
	t := &tally{begun: origin}
	for n, x := 1, uint64(1); ; n++ {
		for range 10_000 { // some 5 µs
			x = x*6364136223846793005 + 1
		}
		t.note(origin+int64(time.Since(begun)), n)
		select {
		case q, ok := <-asked:
			if !ok {
				return
			}
			worked = x
			for i := range int64(q.n) {
				fmt.Fprintln(out, t.until(q.start+(i+1)*q.each)-t.until(q.start+i*q.each))
			}
		default:
		}
	}
}
