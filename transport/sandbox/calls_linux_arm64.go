package sandbox

import "golang.org/x/sys/unix"

// auditArch is what seccomp calls this architecture.
const auditArch = unix.AUDIT_ARCH_AARCH64

// elsewhere lists the system calls that only other architectures have.
const elsewhere = `_sysctl access afs_syscall alarm arch_prctl chmod chown creat create_module dup2 epoll_create epoll_ctl_old
epoll_wait epoll_wait_old eventfd fork futimesat get_kernel_syms get_thread_area getdents getpgrp getpmsg
inotify_init ioperm iopl lchown link lstat mkdir mknod modify_ldt open pause pipe poll putpmsg query_module
readlink rename rmdir security select set_thread_area signalfd stat symlink sysfs time tuxcall unlink uprobe
uretprobe uselib ustat utime utimes vfork vserver`

// own holds the system calls that only this architecture has: none.
var own map[string]uint32
