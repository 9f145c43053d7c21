package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/shared"
)

// mutexStop is the result of two processes that write one counter.
type mutexStop struct {
	Each, Value int64
	PerLock     time.Duration
	Refused     error
}

// visitMutex has both processes count in the same memory at the same time. Nothing must
// be lost.
func visitMutex(ctx context.Context, p plan) (out mutexStop, err error) {
	m, err := shared.Create("ipctour", page)
	if refusal(err) {
		return mutexStop{Refused: err}, nil
	}
	if err != nil {
		return out, err
	}
	defer m.Close()
	out.Each = p.locks
	err = withFar(ctx, supervisor.Spec{}, mailbox.Config{}, func(ctx context.Context, _ *supervisor.Supervisor, ref actor.Ref[Far]) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		begun := time.Now()
		theirs := make(chan error, 1)
		go func() {
			_, err := actor.Ask(ctx, ref, Count{Memory: actor.File{File: m.File()}, N: p.locks})
			if err != nil {
				cancel(err) // this process waits for nobody
			}
			theirs <- err
		}()
		_, err := countTo(ctx, m, 0, p.locks)
		err = errors.Join(err, <-theirs)
		out.PerLock = time.Since(begun) / time.Duration(2*p.locks)
		return err
	})
	if err != nil {
		return out, err
	}
	c, err := shared.View[counter](m, 0)
	if err != nil {
		return out, err
	}
	if out.Value = c.Value; out.Value != 2*p.locks {
		err = fmt.Errorf("two processes counted to %d each, and together to %d", p.locks, out.Value)
	}
	return out, err
}

// fileStop is how long an open file takes to another process.
type fileStop struct {
	Sent int
	Took time.Duration // there, read and answered; median
}

const fileText = "read by another process"

// visitFile sends the reading end of a pipe, again and again; the far process
// reads it to its end.
func visitFile(ctx context.Context, p plan) (out fileStop, err error) {
	err = withFar(ctx, supervisor.Spec{}, mailbox.Config{}, func(ctx context.Context, _ *supervisor.Supervisor, ref actor.Ref[Far]) error {
		v := &visit{ctx: ctx, ref: ref, plan: p}
		out.Took, err = v.median(func(v *visit, _ int) error {
			out.Sent++
			return v.file()
		}, 0, p.each)
		return err
	})
	return out, err
}

func (v *visit) file() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = w.WriteString(fileText)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	text, err := actor.Ask(v.ctx, v.ref, Read{File: actor.File{File: r}})
	if err == nil && text != fileText {
		err = fmt.Errorf("a file with %q was read as %q", fileText, text)
	}
	return err
}
