package main

import (
	"fmt"

	"github.com/understudy-go/understudy/actor"
)

// runAsks asks flat messages, and then messages with a string and a slice, one after
// another.
func (d *driver) runAsks(c *actor.Context) error {
	if err := d.runAsk(c, "ask flat", d.askFlat); err != nil {
		return err
	}
	return d.runAsk(c, "ask", d.askTyped)
}

func (d *driver) runAsk(c *actor.Context, name string, ask func(*actor.Context) (seq uint64, err error)) error {
	if !d.wants(name) {
		return nil
	}
	if err := d.count(c); err != nil {
		return err
	}
	for e := newEcho(d.job.Plan, d.job.PIDs); ; {
		seq, err := ask(c)
		if err == nil && seq != d.seq {
			err = wrongReply(d.seq, seq)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.seq++
		d.ops++
		if !e.back() {
			r := e.result()
			r.Work = name
			return d.done(c, r)
		}
	}
}

func (d *driver) askFlat(c *actor.Context) (uint64, error) {
	r, err := actor.Ask(c, d.job.To, Check{Head: d.head(opEcho, smallSize)})
	return r.Seq, err
}

func (d *driver) askTyped(c *actor.Context) (uint64, error) {
	r, err := actor.Ask(c, d.job.To, Question{Head: d.head(opEcho, smallSize), Name: orderName, Parts: orderParts})
	if err == nil && (r.Name != orderName || len(r.Parts) != len(orderParts)) {
		err = fmt.Errorf("the answer has %q and %v", r.Name, r.Parts)
	}
	return r.Seq, err
}
