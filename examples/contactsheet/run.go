package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// jobsPerWorker is how many jobs each decoder has: one that it decodes, and one that
// waits for it.
const jobsPerWorker = 2

// run makes the sheet that cfg asks for with the decoders that open starts.
func run(ctx context.Context, cfg config, open func(context.Context, config) (pool, error), stdout io.Writer, stderr *os.File) error {
	began := time.Now()
	out, err := checkOut(cfg.out)
	if err != nil {
		return err
	}
	files := sampleFiles()
	if cfg.dir != "" {
		if files, err = listFolder(cfg.dir, out); err != nil {
			return err
		}
	}
	if len(files) > maxTiles {
		return fmt.Errorf("%s holds %d pictures, and a sheet at most %d: give a folder with fewer", cfg.dir, len(files), maxTiles)
	}
	p, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	bar := newProgress(stderr, len(files))
	defer bar.end()
	s, sum, err := fill(ctx, files, p, cfg.workers*jobsPerWorker, bar)
	if err != nil {
		return err
	}
	s.title("Contact sheet", sum.counts())
	png, err := s.encode()
	if err != nil {
		return err
	}
	if err := save(out, png); err != nil {
		return err
	}
	bar.end()
	sum.finish(cfg.out, png, p.stats(), time.Since(began))
	if cfg.json {
		return sum.writeJSON(stdout)
	}
	return sum.writeText(stdout)
}

// fill has all files decoded, atOnce at a time, and puts each in its place by name, in
// whatever order they come back.
func fill(ctx context.Context, files []file, d pool, atOnce int, bar *progress) (*sheet, *summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		s     = newSheet(len(files))
		sum   = &summary{Images: len(files)}
		next  = make(chan int)
		tally sync.Mutex // orders the changes of sum and bar
		wg    sync.WaitGroup
	)
	for range min(atOnce, len(files)) {
		wg.Go(func() {
			for i := range next {
				fate, err := handle(ctx, s, i, files[i], d)
				if err != nil {
					cancel(fmt.Errorf("%s: %w", files[i].name, err))
					continue // drain next: each further file fails at once
				}
				tally.Lock()
				sum.count(i, files[i].name, fate)
				bar.show(sum, d.stats().Restarts)
				tally.Unlock()
			}
		})
	}
	for i := range files {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return s, sum, context.Cause(ctx)
}

// handle has one file decoded and draws its card. fate is nil, or why the file
// has no picture; err is a reason to give up.
func handle(ctx context.Context, s *sheet, i int, f file, d decoder) (fate, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, fate := d.decode(ctx, job{f})
	if fate == nil {
		defer t.done()
		return nil, s.place(i, f.name, t)
	}
	if err := s.placeError(i, f.name, fate); err != nil {
		return nil, err
	}
	return fate, nil
}

// isQuarantined says whether fate is that of a file that killed its decoder.
func isQuarantined(fate error) bool {
	q := new(quarantinedError)
	return errors.As(fate, &q)
}
