package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// tracedVar is the number of the process that a "tracer" is to trace.
const tracedVar = "PROCESS_TEST_TRACED"

// trace is a debugger: it traces a process, and takes note of its end when it is told to.
func trace() {
	runtime.LockOSThread() // it is the thread that traces
	pid, err := strconv.Atoi(os.Getenv(tracedVar))
	if err == nil {
		err = unix.PtraceSeize(pid)
	}
	fmt.Println(err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	_, _ = unix.Wait4(pid, nil, unix.WALL, nil)
	os.Exit(0)
}

// TestTraced: a child that has died is the debugger's as long as that has not looked at
// its end. Then it is reaped with the status that it had.
func TestTraced(t *testing.T) {
	p := start(t, spec("sleep"))
	tracer := exec.Command("/proc/self/exe")
	tracer.Env = append(os.Environ(), actVar+"=tracer", fmt.Sprint(tracedVar, "=", p.PID()))
	in, err := tracer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := tracer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = tracer.Process.Kill()
		_ = tracer.Wait()
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" {
		testutil.Refused(t, fmt.Sprint("ptrace: ", line, err))
	}
	if err := p.KillGroup(); err != nil {
		t.Fatal(err)
	}
	for state(p.PID()) != "Z" {
		runtime.Gosched()
	}
	if p.Over() {
		t.Error("it is over, and its number still belongs to it")
	}
	if err := p.KillGroup(); err != nil {
		t.Errorf("a second kill: %v", err)
	}
	in.Close()
	if x := ended(t, p); x.Signal != unix.SIGKILL || state(p.PID()) == "Z" {
		t.Errorf("%+v", x)
	}
}
