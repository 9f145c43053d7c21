package supervisor

import (
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestDeclaredReasons: what a process has declared of its end counts only if it then ends
// with code 0.
func TestDeclaredReasons(t *testing.T) {
	normal := process.Exit{Kind: wire.ExitNormal}
	code := process.Exit{Kind: wire.ExitCode, Code: 7}
	killed := process.Exit{Kind: wire.ExitSignal, Code: -1, Signal: syscall.SIGKILL}
	panicked := process.Exit{Kind: wire.ExitPanic, Code: 2}
	for _, c := range []struct {
		declared string
		exit     process.Exit
		reason   tree.Reason
		word     string
	}{
		{"", normal, tree.Normal, wire.ReasonNormal},
		{wire.ReasonNormal, normal, tree.Normal, wire.ReasonNormal},
		{wire.ReasonShutdown, normal, tree.ByRequest, wire.ReasonShutdown},
		{wire.ReasonShutdown + ": x", normal, tree.ShutdownWith, wire.ReasonShutdown + ": x"},
		{wire.ReasonNormal, code, tree.Abnormal, wire.ReasonError},
		{wire.ReasonShutdown, code, tree.Abnormal, wire.ReasonError},
		{wire.ReasonShutdown + ": x", code, tree.Abnormal, wire.ReasonError},
		{wire.ReasonShutdown + ": x", killed, tree.Abnormal, wire.ReasonKilled},
		{wire.ReasonShutdown, killed, tree.Abnormal, wire.ReasonKilled},
		{wire.ReasonShutdown + ": x", panicked, tree.Abnormal, wire.ReasonError},
	} {
		x := &child{spec: &Child{}, life: life{declared: c.declared}}
		r := reason(x, c.exit)
		if word := x.word(c.exit, r); r != c.reason || word != c.word {
			t.Errorf("%q, and then %+v: %v, %q; want %v, %q", c.declared, c.exit, r, word, c.reason, c.word)
		}
	}
}
