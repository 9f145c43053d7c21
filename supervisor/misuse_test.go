package supervisor_test

import (
	"context"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestMisuse: what was forgotten is named, with the remedy, before anything has begun.
func TestMisuse(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	var none context.Context
	var nobody *supervisor.Supervisor
	var nothing *actor.Definition[Node]
	zero := &supervisor.Supervisor{}
	for name, c := range map[string]struct {
		do   func()
		want string
	}{
		"New without a context":       {func() { _, _ = supervisor.New(none, supervisor.Spec{}) }, "a nil Context"},
		"Start without a context":     {func() { _, _ = supervisor.Start(none, sup, node) }, "a nil Context"},
		"Terminate without a context": {func() { _ = sup.Terminate(none, 7) }, "a nil Context"},
		"Of without a context":        {func() { _, _ = supervisor.Of(none) }, "a nil Context"},
		"Start without a supervisor":  {func() { _, _ = supervisor.Start(ctx, nobody, node) }, "a nil or zero Supervisor"},
		"Start with the zero one":     {func() { _, _ = supervisor.Start(ctx, zero, node) }, "a nil or zero Supervisor"},
		"Children of none":            {func() { nobody.Children() }, "a nil or zero Supervisor"},
		"Kill of none":                {func() { _ = nobody.Kill(7) }, "a nil or zero Supervisor"},
		"Shutdown of none":            {func() { nobody.Shutdown() }, "a nil or zero Supervisor"},
		"Find without a supervisor":   {func() { _, _ = supervisor.Find(nobody, node, "node") }, "a nil or zero Supervisor"},
		"Start without a definition":  {func() { _, _ = supervisor.Start(ctx, sup, nothing) }, "a nil Definition"},
		"a pool without a definition": {func() { _, _ = supervisor.StartPool(ctx, sup, nothing, supervisor.Pool{Size: 1}) }, "a nil Definition"},
		"Define without its function": {func() { supervisor.Define("misuse", nil) }, "nil init"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.HasPrefix(got, "supervisor: ") && !strings.HasPrefix(got, "actor: ") || !strings.Contains(got, c.want) {
					t.Errorf("%q", got)
				}
			}()
			c.do()
		})
	}
	const want = "it must have an Actor, a Command, a Supervisor or a Subtree"
	if _, err := supervisor.StartSubtree(ctx, sup, nil, supervisor.Child{Name: "x"}); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	if _, err := supervisor.New(ctx, supervisor.Spec{Children: []supervisor.Child{supervisor.Pool{Name: "x", Size: 1}.Child(nil)}}); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	if got := r.all(); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
