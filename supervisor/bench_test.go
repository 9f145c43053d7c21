package supervisor_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

// BenchmarkStart is the time from Start to the first reply, and
// BenchmarkReexec that of the same binary doing nothing.
func BenchmarkStart(b *testing.B) {
	ctx, sup, _ := newSup(b, supervisor.Spec{})
	for b.Loop() {
		ref := startNode(b, ctx, sup, supervisor.Child{Restart: supervisor.Temporary})
		who(b, ctx, ref)
		b.StopTimer()
		if err := sup.Terminate(ctx, ref.ID); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkReexec(b *testing.B) {
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), rootVar+"=-1")
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRestart is the time from SIGKILL to the first reply of the
// replacement.
func BenchmarkRestart(b *testing.B) {
	ctx, sup, _ := newSup(b, supervisor.Spec{Intensity: 1 << 20})
	ref := startNode(b, ctx, sup, supervisor.Child{})
	who(b, ctx, ref)
	for n := 1; b.Loop(); n++ {
		if err := sup.Kill(ref.ID); err != nil {
			b.Fatal(err)
		}
		for who(b, ctx, ref).Incarnation != n+1 {
		}
	}
}
