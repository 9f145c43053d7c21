package perf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Counter counts the system calls of running processes, as the kernel sees
// them: by the program perf, which needs to be installed and permitted.
type Counter struct {
	cmd      *exec.Cmd
	commands io.WriteCloser
	answers  io.ReadCloser
	stderr   bytes.Buffer
}

const callEvent = "raw_syscalls:sys_enter"

// Count begins to count the system calls of the processes pids, before it returns.
func Count(pids []int) (*Counter, error) {
	fromHere, commands, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answers, toHere, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, p := range pids {
		list = append(list, strconv.Itoa(p))
	}
	k := &Counter{commands: commands, answers: answers}
	k.cmd = exec.Command("perf", "stat", "-x", ",", "-e", callEvent, "--delay", "-1", "--control", "fd:3,4", "-p", strings.Join(list, ","))
	k.cmd.ExtraFiles = []*os.File{fromHere, toHere}
	k.cmd.Stderr = &k.stderr
	k.cmd.SysProcAttr = dieWithParent()
	err = k.cmd.Start()
	fromHere.Close()
	toHere.Close()
	if err != nil {
		return nil, fmt.Errorf("counting system calls needs perf: %w", err)
	}
	if err := k.order("enable"); err != nil {
		_ = k.cmd.Wait()
		return nil, fmt.Errorf("counting system calls needs perf that may count %s (root, or CAP_PERFMON and a readable tracefs): %s",
			callEvent, why(k.stderr.String(), err))
	}
	return k, nil
}

// why is the line of perf's words that says what is wrong, without its hints and
// usage, or err if it said nothing.
func why(words string, err error) string {
	_, after, ok := strings.Cut(words, "Error:")
	if !ok {
		after = words
	}
	for line := range strings.Lines(after) {
		if line = strings.TrimSpace(line); line != "" {
			return "perf: " + line
		}
	}
	return err.Error()
}

// order tells perf to do something, and waits until it has.
func (k *Counter) order(what string) error {
	if _, err := io.WriteString(k.commands, what+"\n"); err != nil {
		return err
	}
	answer := make([]byte, 16)
	n, err := k.answers.Read(answer)
	if err == nil && !bytes.HasPrefix(answer[:n], []byte("ack")) {
		err = fmt.Errorf("perf says %q to %s", answer[:n], what)
	}
	return err
}

// Stop ends the counting and returns the count.
func (k *Counter) Stop() (uint64, error) {
	err := k.order("disable")
	_ = k.cmd.Process.Signal(os.Interrupt)
	_ = k.cmd.Wait() // perf dies of the signal after it has printed
	k.commands.Close()
	k.answers.Close()
	if err != nil {
		return 0, errors.Join(err, errors.New(k.stderr.String()))
	}
	return parse(k.stderr.String())
}

func parse(text string) (uint64, error) {
	for line := range strings.Lines(text) {
		count, rest, ok := strings.Cut(line, ",")
		if ok && strings.Contains(rest, callEvent) {
			return strconv.ParseUint(count, 10, 64)
		}
	}
	return 0, fmt.Errorf("perf printed no count of %s: %s", callEvent, text)
}
