package notify

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// helpers are what this binary does instead of testing when the environment
// says so: the other process of a test.
var helpers = map[string]func() error{}

const helperEnv = "UNDERSTUDY_TEST_HELPER"

func TestMain(m *testing.M) {
	name := os.Getenv(helperEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := helpers[name](); err != nil {
		fmt.Fprintf(os.Stderr, "helper %s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// start runs the helper with files as its descriptors 3 and up. It is killed
// at the end of the test unless it has ended.
func start(t testing.TB, name string, files ...*os.File) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), helperEnv+"="+name, "GORACE=atexit_sleep_ms=0")
	c.ExtraFiles = files
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	c.WaitDelay = time.Second
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	return c
}
