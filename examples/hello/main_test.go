package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

// programVar makes the test binary the program.
const programVar = "EXAMPLE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	supervisor.RunChild()
	if os.Getenv(programVar) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestHello runs the program: two processes, and the answer of the other one.
func TestHello(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	main()
	os.Stdout = stdout
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`^process (\d+) was told by process (\d+): hello world, call 1\n$`).FindSubmatch(out)
	if m == nil || string(m[1]) == string(m[2]) {
		t.Fatalf("%q", out)
	}
}

// TestPrintsNothing: who cannot print has failed.
func TestPrintsNothing(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdout = append(os.Environ(), programVar+"=1"), full
	err = cmd.Run()
	if x := new(exec.ExitError); !errors.As(err, &x) || x.ExitCode() != 1 {
		t.Fatalf("%v", err)
	}
}
