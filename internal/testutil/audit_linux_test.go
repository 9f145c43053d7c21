package testutil_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"golang.org/x/sys/unix"
)

func TestAuditNoticesADescriptor(t *testing.T) {
	var f *os.File
	expectLeak(t, "/etc/passwd", func() { f = must(os.Open("/etc/passwd")) })
	f.Close()
}

func TestAuditNoticesAChild(t *testing.T) {
	var cmd *exec.Cmd
	expectLeak(t, "process ", func() {
		cmd = exec.Command("sleep", "60")
		must(0, cmd.Start())
	})
	must(0, cmd.Process.Kill())
	_ = cmd.Wait() // says that it was killed
}

// A process that has ended but was never waited for is still there.
func TestAuditNoticesAZombie(t *testing.T) {
	var cmd *exec.Cmd
	expectLeak(t, "state Z", func() {
		cmd = exec.Command("true")
		must(0, cmd.Start())
	})
	_ = cmd.Wait()
}

func TestAuditNoticesAMapping(t *testing.T) {
	var mem []byte
	expectLeak(t, "memfd:leaked", func() {
		fd := must(unix.MemfdCreate("leaked", unix.MFD_CLOEXEC))
		must(0, unix.Ftruncate(fd, 4096))
		mem = must(unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED))
		must(0, unix.Close(fd))
	})
	must(0, unix.Munmap(mem))
}

func TestAuditNoticesAName(t *testing.T) {
	name := fmt.Sprintf("/dev/shm/understudy-%d-leaked", os.Getpid())
	defer os.Remove(name)
	expectLeak(t, name, func() { must(0, os.WriteFile(name, nil, 0o600)) })
}

// A name with the id of a living process outside this test is not charged to
// it: process 1 always lives.
func TestAuditIgnoresForeignNames(t *testing.T) {
	const name = "/dev/shm/understudy-1-foreign"
	defer os.Remove(name)
	r := record(t, func(t testing.TB) {
		testutil.Audit(t)
		must(0, os.WriteFile(name, nil, 0o600))
	})
	if r.failed {
		t.Errorf("charged with the name of another program: %s", r.text)
	}
}

func TestAuditNoticesASysVSegment(t *testing.T) {
	id := -1
	expectLeak(t, "SysV shm id", func() {
		id = must(unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600|unix.IPC_CREAT))
	})
	must(unix.SysvShmCtl(id, unix.IPC_RMID, nil))
}
