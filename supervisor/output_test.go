package supervisor_test

import (
	"bytes"
	"runtime/pprof"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

// TestHangingReader: a reader that hangs for ever costs one goroutine for each
// stream of a child, however often the child dies, and the last words of a
// later incarnation are counted or kept, not waited for.
func TestHangingReader(t *testing.T) {
	const deaths = 5
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 2 * deaths})
	hang := make(chan struct{})
	defer close(hang)
	ref := startNode(t, ctx, sup, supervisor.Child{Stderr: hanging{hang}})
	for range deaths {
		before := who(t, ctx, ref).Incarnation
		tell(t, ctx, ref, "panic")
		if after := who(t, ctx, ref).Incarnation; after != before+1 {
			t.Fatalf("incarnation %d after %d", after, before)
		}
	}
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 2); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(all.Bytes(), []byte("supervisor.(*output).run(")); n != 1 {
		t.Fatalf("%d goroutines hand on the stderr of one child", n)
	}
}
