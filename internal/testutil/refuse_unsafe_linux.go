package testutil

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RefuseVar is an environment variable that lists system calls, separated by commas, that
// are refused to a test binary and all processes that it starts, as a container's seccomp
// profile would: UNDERSTUDY_TEST_REFUSE=memfd_create go test ./actor. The error is EPERM
// unless another is named: clone3:ENOSYS.
const RefuseVar = "UNDERSTUDY_TEST_REFUSE"

// call is a system call; if bits is not 0, only with all of these bits in its argument arg
// (0 is the first).
type call struct {
	nr   uint32
	arg  uint32
	bits uint32
}

// refusable holds the calls that RefuseVar may name. A name in capitals stands for one flag
// of a call, which older kernels do not know.
var refusable = map[string]call{
	"clone3":                  {nr: unix.SYS_CLONE3},
	"close_range":             {nr: unix.SYS_CLOSE_RANGE},
	"copy_file_range":         {nr: unix.SYS_COPY_FILE_RANGE},
	"faccessat2":              {nr: unix.SYS_FACCESSAT2},
	"fallocate":               {nr: unix.SYS_FALLOCATE},
	"futex_waitv":             {nr: unix.SYS_FUTEX_WAITV},
	"getcpu":                  {nr: unix.SYS_GETCPU},
	"io_uring_enter":          {nr: unix.SYS_IO_URING_ENTER},
	"io_uring_register":       {nr: unix.SYS_IO_URING_REGISTER},
	"io_uring_setup":          {nr: unix.SYS_IO_URING_SETUP},
	"landlock_create_ruleset": {nr: unix.SYS_LANDLOCK_CREATE_RULESET},
	"madvise":                 {nr: unix.SYS_MADVISE},
	"mbind":                   {nr: unix.SYS_MBIND},
	"membarrier":              {nr: unix.SYS_MEMBARRIER},
	"memfd_create":            {nr: unix.SYS_MEMFD_CREATE},
	"mq_open":                 {nr: unix.SYS_MQ_OPEN},
	"msgget":                  {nr: unix.SYS_MSGGET},
	"openat2":                 {nr: unix.SYS_OPENAT2},
	"pidfd_getfd":             {nr: unix.SYS_PIDFD_GETFD},
	"pidfd_open":              {nr: unix.SYS_PIDFD_OPEN},
	"pidfd_send_signal":       {nr: unix.SYS_PIDFD_SEND_SIGNAL},
	"preadv2":                 {nr: unix.SYS_PREADV2},
	"prlimit64":               {nr: unix.SYS_PRLIMIT64},
	"process_vm_readv":        {nr: unix.SYS_PROCESS_VM_READV},
	"ptrace":                  {nr: unix.SYS_PTRACE},
	"pwritev2":                {nr: unix.SYS_PWRITEV2},
	"rseq":                    {nr: unix.SYS_RSEQ},
	"sched_getaffinity":       {nr: unix.SYS_SCHED_GETAFFINITY},
	"sched_setaffinity":       {nr: unix.SYS_SCHED_SETAFFINITY},
	"sched_yield":             {nr: unix.SYS_SCHED_YIELD},
	"seccomp":                 {nr: unix.SYS_SECCOMP},
	"sendfile":                {nr: unix.SYS_SENDFILE},
	"setpriority":             {nr: unix.SYS_SETPRIORITY},
	"shmget":                  {nr: unix.SYS_SHMGET},
	"splice":                  {nr: unix.SYS_SPLICE},
	"statx":                   {nr: unix.SYS_STATX},
	"unshare":                 {nr: unix.SYS_UNSHARE},
	"userfaultfd":             {nr: unix.SYS_USERFAULTFD},

	"MFD_NOEXEC_SEAL":     {nr: unix.SYS_MEMFD_CREATE, arg: 1, bits: unix.MFD_NOEXEC_SEAL},
	"MADV_POPULATE_WRITE": {nr: unix.SYS_MADVISE, arg: 2, bits: unix.MADV_POPULATE_WRITE}, // 23: no other advice has these bits
}

// refusals holds the errors that RefuseVar may name.
var refusals = map[string]unix.Errno{
	"": unix.EPERM, "EPERM": unix.EPERM, "ENOSYS": unix.ENOSYS, "EINVAL": unix.EINVAL, "EOPNOTSUPP": unix.EOPNOTSUPP,
}

// init runs before the test binary uses any of the calls. A filter belongs to a thread, so
// that thread executes the binary again.
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
	var filter []unix.SockFilter
	for _, name := range names {
		name, how, _ := strings.Cut(name, ":")
		c, ok := refusable[name]
		if !ok {
			return fmt.Errorf("%q is none of the calls that can be refused", name)
		}
		err, ok := refusals[how]
		if !ok {
			return fmt.Errorf("%q is none of the errors that a call can be refused with", how)
		}
		filter = append(filter, c.refused(err)...)
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
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

// refused returns the part of a filter that refuses the call and passes all others on to
// the next part.
func (c call) refused(err unix.Errno) []unix.SockFilter {
	const load, equal = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	refuse := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(err)}
	number := unix.SockFilter{Code: load} // of the call: first in struct seccomp_data
	if c.bits == 0 {
		return []unix.SockFilter{number, {Code: equal, K: c.nr, Jf: 1}, refuse}
	}
	return []unix.SockFilter{
		number, {Code: equal, K: c.nr, Jf: 4},
		{Code: load, K: 16 + 8*c.arg}, // the lower half of the argument, since the machine is little-endian
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: c.bits}, {Code: equal, K: c.bits, Jf: 1}, refuse,
	}
}
