package main

import (
	"io"
	"os"
	"regexp"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

func TestMain(m *testing.M) {
	supervisor.RunChild()
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
