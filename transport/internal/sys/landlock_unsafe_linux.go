package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// None of these calls waits for a peer: they act on paths that are open already, and on
// the calling thread. Those that make and fill a set of rules still go through
// unix.Syscall, since they are rare and may allocate in the kernel.

// LandlockABI returns the kernel's version of Landlock. Without Landlock it fails with
// ENOSYS; if Landlock is switched off at boot, with EOPNOTSUPP.
func LandlockABI() (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, errno
	}
	return int(v), nil
}

// LandlockRuleset makes a set of rules that handles the given rights on files:
// what no rule allows will be denied. The descriptor is close-on-exec.
func LandlockRuleset(handled uint64) (int, error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0) // only the first field, which every version knows
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// LandlockAllow adds rights on the file behind the descriptor parent, or on everything
// below that directory. O_PATH is enough for parent.
func LandlockAllow(ruleset, parent int, access uint64) error {
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(parent)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// LandlockRestrict puts the calling thread, and whatever it starts, irrevocably under
// the rules. It needs no_new_privs or CAP_SYS_ADMIN.
func LandlockRestrict(ruleset int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// SeccompFilter puts the calling thread, or all threads of the process, and whatever
// they start, irrevocably under a filter of system calls. It needs no_new_privs or
// CAP_SYS_ADMIN. A filter without instructions is EINVAL.
func SeccompFilter(filter []unix.SockFilter, allThreads bool) error {
	if len(filter) == 0 || len(filter) > unix.BPF_MAXINSNS {
		return unix.EINVAL
	}
	flags := uintptr(0)
	if allThreads {
		flags = unix.SECCOMP_FILTER_FLAG_TSYNC
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	r, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	if r != 0 { // the number of a thread that has another filter
		return unix.ESRCH
	}
	return nil
}
