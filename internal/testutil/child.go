package testutil

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The descriptors of a helper are 0, 1 and 2 as usual, then the liveness pipe, then the
// files of Spec.Files.
const (
	livenessFD  = 3
	firstFileFD = 4
)

// exitOrphan is the exit status of a helper whose test process is gone or has
// closed its standard input while the helper was waiting for a line.
const exitOrphan = 90

// Child is the helper process seen from inside. Its methods are for one
// goroutine at a time.
type Child struct {
	// Args is Spec.Args.
	Args []string

	in    *bufio.Reader
	files []*os.File
}

// newChild takes what Start has handed over. Nothing of it may reach the processes that
// the helper starts: an inherited liveness pipe would be harmless, but a descriptor of
// the test kept open by a grandchild would hide the end of the helper.
func newChild() *Child {
	n, _ := strconv.Atoi(os.Getenv(filesVar))
	os.Unsetenv(helperVar)
	os.Unsetenv(filesVar)
	c := &Child{Args: os.Args[1:], in: bufio.NewReader(os.Stdin)}
	for i := range n {
		fd := firstFileFD + i
		syscall.CloseOnExec(fd)
		c.files = append(c.files, os.NewFile(uintptr(fd), "file "+strconv.Itoa(i)))
	}
	syscall.CloseOnExec(livenessFD)
	go dieWith(os.NewFile(livenessFD, "liveness"))
	return c
}

// dieWith ends the process when the pipe ends: nobody ever writes to it, and only the test
// process holds its other end.
func dieWith(pipe *os.File) {
	_, _ = io.Copy(io.Discard, pipe)
	os.Exit(exitOrphan)
}

// File returns the i-th file of Spec.Files. It belongs to the helper. An index
// out of range panics.
func (c *Child) File(i int) *os.File { return c.files[i] }

// Say sends one line to the test, formatted as by fmt.Sprint; see Proc.Expect.
func (c *Child) Say(line ...any) {
	if _, err := fmt.Fprintln(os.Stdout, fmt.Sprint(line...)); err != nil {
		os.Exit(exitOrphan)
	}
}

// Wait waits until the test sends a line, and returns what follows prefix in it, without
// surrounding space. A line without the prefix is a mistake of the test and ends the
// process with a message, as does the end of the input.
func (c *Child) Wait(prefix string) string {
	line, err := c.in.ReadString('\n')
	if err != nil {
		fmt.Fprintf(os.Stderr, "testutil: waiting for %q: %v\n", prefix, err)
		os.Exit(exitOrphan)
	}
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), prefix)
	if !ok {
		fmt.Fprintf(os.Stderr, "testutil: waiting for %q, got %q\n", prefix, line)
		os.Exit(2)
	}
	return strings.TrimSpace(rest)
}
