package process

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inNamespaces adds new namespaces to how a process is made. In a user namespace the
// process keeps its ids, and there are no others.
//
// The first process of a PID namespace that also has a mount namespace has to mount
// /proc, for which it needs CAP_SYS_ADMIN in its user namespace. The kernel grants that,
// but takes it away at the execve of any user except root, unless it is ambient.
func inNamespaces(flags uintptr, attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	attr.Cloneflags = flags
	if flags&unix.CLONE_NEWUSER == 0 {
		return attr
	}
	uid, gid := os.Geteuid(), os.Getegid()
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	if flags&unix.CLONE_NEWPID != 0 && flags&unix.CLONE_NEWNS != 0 {
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	return attr
}

// ofNamespaces says whether a process could not be made because of its namespaces, as
// far as the error shows.
func ofNamespaces(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EINVAL, unix.ENOSPC, unix.EUSERS, unix.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
