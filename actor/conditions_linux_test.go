package actor_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// conditionVar says to the test binary under which condition it runs, in
// namespaces of its own.
const conditionVar = "UNDERSTUDY_TEST_CONDITION"

// conditions are machines that are worse than this one. In each of them a
// program runs on what is left, and a form that is asked for by name says what to
// raise.
var conditions = []struct {
	name, refuse string
	make         func() error
	form         mailbox.Config // asked for by name
	limit        string         // that its error names; "" where it works
}{
	{name: "msgmnb 256", make: sysctl("msgmnb", "256"), form: mailbox.Config{Queue: "sysv"}, limit: "kernel/msgmnb"},
	{name: "msgmni 0", make: sysctl("msgmni", "0"), form: mailbox.Config{Queue: "sysv"}, limit: "kernel/msgmni"},
	{name: "shmmni 0", make: sysctl("shmmni", "0"), form: mailbox.Config{Segment: "sysv"}, limit: "kernel.shmmni"},
	{name: "msgsize_max 128", make: mqueueSysctl("msgsize_max", "128"), form: mailbox.Config{Queue: "posix"}, limit: "fs.mqueue.msgsize_max"},
	{name: "queues_max 0", make: mqueueSysctl("queues_max", "0"), form: mailbox.Config{Queue: "posix"}, limit: "fs.mqueue.queues_max"},
	{name: "registry read-only", make: readOnlyRegistry, form: mailbox.Config{Queue: "sysv"}, limit: "room or permission to write in /dev/shm"},
	{name: "no dev mqueue", make: emptyDir("/dev/mqueue"), form: mailbox.Config{Queue: "posix"}},
	{name: "dev shm of 64 KiB", make: smallDir("/dev/shm"), form: mailbox.Config{Segment: "shm"}, limit: "free bytes of /dev/shm"},
	{name: "dev shm of 64 KiB without memfd", refuse: "memfd_create", make: smallDir("/dev/shm"), form: mailbox.Config{Segment: "shm"}, limit: "free bytes of /dev/shm"},
}

func sysctl(name, value string) func() error {
	return func() error { return os.WriteFile("/proc/sys/kernel/"+name, []byte(value), 0) }
}

// mqueueSysctl is sysctl for POSIX queues.
func mqueueSysctl(name, value string) func() error {
	return func() error { return os.WriteFile("/proc/sys/fs/mqueue/"+name, []byte(value), 0) }
}

func smallDir(dir string) func() error {
	return func() error {
		return errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"))
	}
}

// readOnlyRegistry puts the registry of SysV queues where nothing can be written.
func readOnlyRegistry() error {
	const dir = "/dev/shm"
	return errors.Join(os.Setenv("XDG_RUNTIME_DIR", dir), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "mode=0700"))
}

// emptyDir hides what is mounted at a directory, if there is such a directory.
func emptyDir(dir string) func() error {
	return func() error {
		if _, err := os.Stat(dir); err != nil {
			return nil
		}
		return smallDir(dir)()
	}
}

// TestConditions runs each of them in a process of its own.
func TestConditions(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	if name := os.Getenv(conditionVar); name != "" {
		for i := range conditions {
			if conditions[i].name == name {
				underCondition(t, i)
			}
		}
		return
	}
	for _, c := range conditions {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestConditions$", "-test.v")
			registry := t.TempDir() // there this user is 0, whose registry may be another user's here
			if err := os.Chmod(registry, 0o700); err != nil {
				t.Fatal(err)
			}
			cmd.Env = append(os.Environ(), conditionVar+"="+c.name, "UNDERSTUDY_QUEUE=auto", "UNDERSTUDY_SEGMENT=auto", "XDG_RUNTIME_DIR="+registry)
			if c.refuse != "" {
				cmd.Env = append(cmd.Env, testutil.RefuseVar+"="+c.refuse)
			}
			ids := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWIPC,
				UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid())}
			out, err := cmd.CombinedOutput()
			if cmd.Process == nil {
				testutil.Refused(t, err)
			}
			if _, reason, ok := strings.Cut(string(out), "refused by this machine: "); ok {
				testutil.Refused(t, reason)
			}
			if err != nil || !strings.Contains(string(out), "--- PASS: TestConditions") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func underCondition(t *testing.T, i int) {
	c := conditions[i]
	if err := c.make(); err != nil {
		testutil.Refused(t, err)
	}
	if c.limit == "" {
		allowed(t, c.form.Queue)
	}
	data := bytes.Repeat([]byte("x"), 1<<20)
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{Name: "auto"})
	if r, err := actor.Ask(ctx, ref, Echo{Data: data}); err != nil || !bytes.Equal(r.Data, data) {
		t.Errorf("the automatic choice: %v", err)
	}
	named, err := supervisor.StartChild(ctx, sup, worker, supervisor.Child{Name: "named", Mailbox: c.form})
	if err != nil {
		t.Fatal(err)
	}
	err = actor.Tell(ctx, named, Note{Data: data})
	if c.limit == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	saysWhat(t, err, c.limit)
}
