package sandbox

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// needed lists the calls without which no process can run, or even end.
var needed = []string{"exit", "exit_group", "rt_sigreturn", "futex", "mmap", "munmap", "brk", "read", "write", "close"}

// Numbers returns the numbers of this architecture's system calls with these names,
// such as "ptrace", or numbers, such as "101". A name that only other architectures
// have is ignored. The error lists every name that no architecture has, and every call
// that no process can do without.
func Numbers(names []string) (nrs []uint32, err error) {
	if auditArch == 0 {
		return nil, fmt.Errorf("sandbox: no filter of system calls for %s: %w", runtime.GOARCH, errors.ErrUnsupported)
	}
	var errs []error
	for _, name := range names {
		nr, ok := numbers[name]
		if !ok {
			nr, ok = own[name]
		}
		if !ok {
			n, err := strconv.ParseUint(name, 10, 30)
			nr, ok = uint32(n), err == nil
		}
		switch {
		case !ok && slices.Contains(strings.Fields(elsewhere), name):
		case !ok:
			errs = append(errs, fmt.Errorf("sandbox: %q is no system call", name))
		case slices.ContainsFunc(needed, func(n string) bool { return numbers[n] == nr }):
			errs = append(errs, fmt.Errorf("sandbox: no process runs without the system call %s", name))
		default:
			nrs = append(nrs, nr)
		}
	}
	return nrs, errors.Join(errs...)
}

// x32 is a bit in the number of a call of amd64's x32 ABI, which has the same
// architecture as the 64-bit ABI.
const x32 = 1 << 30

// filter returns the program: the calls in nrs, io_uring_setup, and all calls of
// another architecture fail with EPERM, and all others are allowed.
func filter(nrs []uint32) []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K
		arch  = 4 // offsets in struct seccomp_data
		nr    = 0
	)
	deny := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	f := []unix.SockFilter{
		{Code: load, K: arch},
		{Code: equal, K: auditArch, Jt: 1},
		deny,
		{Code: load, K: nr},
		{Code: least, K: x32, Jf: 1},
		deny,
	}
	for _, n := range append(slices.Clone(nrs), unix.SYS_IO_URING_SETUP) {
		f = append(f, unix.SockFilter{Code: equal, K: n, Jf: 1}, deny)
	}
	return append(f, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
}

// Deny makes these calls fail with EPERM in the calling thread, or in all threads of
// this process, and in whatever these start. It needs no_new_privs or CAP_SYS_ADMIN.
func Deny(nrs []uint32, allThreads bool) error {
	if err := sys.SeccompFilter(filter(nrs), allThreads); err != nil {
		return fmt.Errorf("sandbox: seccomp: %w", err)
	}
	return nil
}
