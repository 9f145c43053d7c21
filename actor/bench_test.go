package actor_test

import (
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

func BenchmarkAsk(b *testing.B) {
	ctx, _, ref := start(b, supervisor.Spec{}, supervisor.Child{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := actor.Ask(ctx, ref, Add{A: 1, B: 2}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTell(b *testing.B) {
	ctx, _, ref := start(b, supervisor.Spec{}, supervisor.Child{})
	b.ReportAllocs()
	for b.Loop() {
		if err := actor.Tell(ctx, ref, Tell{}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := actor.Ask(ctx, ref, Add{A: 1, B: 2}); err != nil {
		b.Fatal(err)
	}
}
