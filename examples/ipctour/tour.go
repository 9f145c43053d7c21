package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// smallBytes is the size of Note and Echo.
const smallBytes = 64

// hangGuard bounds one stop, which takes a few seconds.
const hangGuard = 2 * time.Minute

// stop is a form and its result on this machine.
type stop struct {
	form
	figures
}

// result is the whole tour.
type result struct {
	Stops    []stop
	Mutex    mutexStop
	File     fileStop
	Crossing mailbox.Measurement // what the mailbox itself finds
	Machine  string
	Bulk     int
	Took     time.Duration
}

var quiet = slog.New(slog.DiscardHandler)

// run goes to every stop. If this machine refuses a form, that is part of the result; any
// other error ends the tour.
func run(ctx context.Context, p plan, progress io.Writer) (r result, err error) {
	begun := time.Now()
	r.Machine, r.Bulk = machine(), p.bulk
	for _, f := range catalogue() {
		s := stop{form: f}
		if f.Refused == nil {
			fmt.Fprintf(progress, "%s %s ...\n", f.Kind, f.Name)
			s.figures, err = visitForm(ctx, f, p)
			switch {
			case refusal(err):
				s.Refused, s.figures = err, figures{}
			case err != nil:
				return r, fmt.Errorf("%s %s: %w", f.Kind, f.Name, err)
			}
		}
		r.Stops = append(r.Stops, s)
	}
	fmt.Fprintln(progress, "copy or map, a mutex, and a file ...")
	if r.Crossing, err = mailbox.Measure(); err != nil {
		return r, fmt.Errorf("copy or map: %w", err)
	}
	if r.Mutex, err = visitMutex(ctx, p); err != nil {
		return r, fmt.Errorf("mutex: %w", err)
	}
	if r.File, err = visitFile(ctx, p); err != nil {
		return r, fmt.Errorf("file: %w", err)
	}
	r.Took = time.Since(begun)
	return r, nil
}

// refusal says whether err is a limit of the machine, or something that it does not have
// or permit, rather than a failure.
func refusal(err error) bool {
	var limit *transport.LimitError
	return errors.As(err, &limit) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission)
}

// withFar runs f with a far process, and ends that process.
func withFar(ctx context.Context, spec supervisor.Spec, box mailbox.Config, f func(context.Context, *supervisor.Supervisor, actor.Ref[Far]) error) error {
	ctx, cancel := context.WithTimeout(ctx, hangGuard)
	defer cancel()
	spec.Log, spec.Intensity = quiet, supervisor.NoRestarts
	sup, err := supervisor.New(ctx, spec)
	if err != nil {
		return err
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	ref, err := supervisor.StartChild(ctx, sup, far, supervisor.Child{Mailbox: box, Stderr: io.Discard})
	if err != nil {
		return err
	}
	return f(ctx, sup, ref)
}

// visitForm measures one form. The other parts are the library's defaults.
func visitForm(ctx context.Context, f form, p plan) (out figures, err error) {
	box := mailbox.Config{PoolBytes: 32 << 20}
	var spec supervisor.Spec
	switch f.Kind {
	case queue:
		box.Queue = f.Name
	case segments:
		box.Segment = f.Name
	case notifier:
		spec.Notifier = f.Name
	}
	err = withFar(ctx, spec, box, func(ctx context.Context, sup *supervisor.Supervisor, ref actor.Ref[Far]) error {
		v := &visit{ctx: ctx, ref: ref, plan: p, src: make([]byte, max(p.bulk, p.sizes[len(p.sizes)-1]))}
		if err := v.measure(sup, f, &out); err != nil {
			return err
		}
		t := sup.Traffic()
		out.InQueue, out.InSegment = t.SmallBytes, t.LargeBytes
		inEntries := uint64(2)
		if f.Kind == queue {
			inEntries = uint64(f.Copies)
		}
		out.Copied = out.InQueue*inEntries + v.lent + (out.InSegment-v.lent)*2
		return nil
	})
	return out, err
}

// measure is one stop. What is sent for "awake" depends on the kind.
func (v *visit) measure(sup *supervisor.Supervisor, f form, out *figures) (err error) {
	t, n := trip((*visit).echo), smallBytes
	if f.Kind == segments {
		t, n = (*visit).mapped, v.plan.bulk
	}
	if out.Awake, err = v.median(t, n, v.plan.each); err != nil {
		return err
	}
	if out.Asleep, err = v.asleep(t, n); err != nil {
		return err
	}
	out.SmallLeaves = f.Kind == queue && sup.Traffic().SmallBytes == 0
	if out.Rate, err = v.stream(v.note); err != nil {
		return err
	}
	rate, err := v.stream(v.load)
	if err != nil {
		return err
	}
	out.Bandwidth = rate * float64(v.plan.bulk) / 1e9
	if out.Sweep, err = v.sweep(); err != nil {
		return err
	}
	out.Calls, out.NotCounted, err = v.count(sup, t, n)
	return err
}
