package sys_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

const exhaustVar = "SYS_TEST_EXHAUST"

// exhausted maps n bytes in vain, and returns the limit that is named for it.
func exhausted(t *testing.T, n int) *transport.LimitError {
	t.Helper()
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
	if err == nil {
		_ = unix.Munmap(mem)
		t.Skip("the kernel does not refuse it")
	}
	e := (*transport.LimitError)(nil)
	if err = sys.LimitedMap("test", n, err); !errors.As(err, &e) || !errors.Is(err, unix.ENOMEM) {
		t.Fatal(err)
	}
	return e
}

// TestNoMemory: why memory is refused is found out. Each time it is a process of its
// own, which is of no use afterwards.
func TestNoMemory(t *testing.T) {
	what := os.Getenv(exhaustVar)
	if what == "" {
		for _, what := range []string{"RLIMIT_AS", "RLIMIT_DATA", "vm.max_map_count"} {
			t.Run(what, func(t *testing.T) {
				if what == "vm.max_map_count" && testutil.Rounds(0, 1) == 0 {
					t.Skip("it takes seconds to make so many mappings: set UNDERSTUDY_LONG=1")
				}
				cmd := exec.Command("/proc/self/exe", "-test.run=^TestNoMemory$", "-test.v")
				cmd.Env = append(os.Environ(), exhaustVar+"="+what)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if strings.Contains(string(out), "SKIP") {
					t.Skipf("%s", out)
				}
			})
		}
		return
	}
	switch what { // fatal errors of the runtime are a failure, too
	case "RLIMIT_AS":
		const most = 32 << 30 // the race detector's shadow is larger: then it is refused at once
		var was unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_AS, &was)
		if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: most, Max: was.Max}); err != nil {
			t.Skip("SKIP: ", err)
		}
		e := exhausted(t, most)
		if e.Limit != what || e.Value != most {
			t.Error(e)
		}
		t.Log(e)
	case "RLIMIT_DATA":
		var was unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_DATA, &was)
		most := sys.Lines("/proc/self/status")["VmData"]
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: was.Max}); err != nil {
			t.Skip("SKIP: ", err)
		}
		err := sys.Limited("test", unix.ENOMEM)
		_ = unix.Setrlimit(unix.RLIMIT_DATA, &was)
		if e := (*transport.LimitError)(nil); !errors.As(err, &e) || e.Limit != what || e.Value != most {
			t.Error(err)
		}
		t.Log(err)
	case "vm.max_map_count":
		if most := sys.Sysctl("vm/max_map_count"); most == 0 || most > 1<<18 {
			t.Skipf("SKIP: it is %d here", most)
		}
		page := os.Getpagesize()
		var err error
		var last [500]uintptr         // the runtime needs some to say anything
		for i := 0; err == nil; i++ { // neighbours that differ are not made one
			at, _, e := unix.Syscall6(unix.SYS_MMAP, 0, uintptr(page), uintptr(unix.PROT_READ<<(i%2)), unix.MAP_SHARED|unix.MAP_ANON, ^uintptr(0), 0)
			if e != 0 {
				err = e
				break
			}
			last[i%len(last)] = at
		}
		for _, at := range last {
			_, _, _ = unix.Syscall(unix.SYS_MUNMAP, at, uintptr(page), 0)
		}
		e := (*transport.LimitError)(nil)
		if err = sys.LimitedMap("test", page, err); !errors.As(err, &e) || e.Limit != what || e.Value != sys.Sysctl("vm/max_map_count") {
			t.Error(err)
		}
		t.Log(err)
	}
}

// TestNoMemoryOtherwise: an ENOMEM of a process that is far from all limits does not
// blame one of them.
func TestNoMemoryOtherwise(t *testing.T) {
	e := (*transport.LimitError)(nil)
	if err := sys.Limited("test", unix.ENOMEM); !errors.As(err, &e) || e.Limit == "vm.max_map_count" || e.Limit == "RLIMIT_AS" || e.Limit == "RLIMIT_DATA" || e.Value == 0 || e.Remedy == "" {
		t.Errorf("%v", err)
	}
	t.Log(e)
	if err := sys.LimitedMap("test", 1, unix.EMFILE); !errors.As(err, &e) || e.Limit != "RLIMIT_NOFILE" {
		t.Errorf("%v", err)
	}
}
