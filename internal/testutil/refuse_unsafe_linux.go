package testutil

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RefuseVar names system calls, separated by commas, that a test binary and all
// processes it starts are refused with EPERM, as a seccomp profile of a
// container would: UNDERSTUDY_TEST_REFUSE=memfd_create go test ./actor.
const RefuseVar = "UNDERSTUDY_TEST_REFUSE"

// refusable are the calls that RefuseVar may name.
var refusable = map[string]uint32{
	"memfd_create":            unix.SYS_MEMFD_CREATE,
	"landlock_create_ruleset": unix.SYS_LANDLOCK_CREATE_RULESET,
	"seccomp":                 unix.SYS_SECCOMP,
	"setpriority":             unix.SYS_SETPRIORITY,
	"futex_waitv":             unix.SYS_FUTEX_WAITV,
	"mq_open":                 unix.SYS_MQ_OPEN,
	"msgget":                  unix.SYS_MSGGET,
	"shmget":                  unix.SYS_SHMGET,
}

// init comes before everything that a test binary does with the calls. A
// filter belongs to a thread, so the binary is executed again by the one that
// has it.
func init() {
	names, ok := os.LookupEnv(RefuseVar)
	if !ok {
		return
	}
	os.Unsetenv(RefuseVar)
	runtime.LockOSThread()
	err := refuseCalls(strings.Split(names, ","))
	if err == nil {
		err = unix.Exec("/proc/self/exe", os.Args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "testutil: %s=%s: %v\n", RefuseVar, names, err)
	os.Exit(2)
}

func refuseCalls(names []string) error {
	stmt := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	// Offset 0 of what the filter sees is the number of the call.
	filter := []unix.SockFilter{stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0)}
	for _, name := range names {
		nr, ok := refusable[name]
		if !ok {
			return fmt.Errorf("%q is none of the calls that can be refused", name)
		}
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)))
	}
	filter = append(filter, stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW))
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	runtime.KeepAlive(filter)
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}
