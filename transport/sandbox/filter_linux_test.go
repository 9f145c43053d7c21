package sandbox

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// run is what the kernel's interpreter makes of a filter.
func run(t *testing.T, f []unix.SockFilter, arch, nr uint32) uint32 {
	t.Helper()
	var data [64]byte // struct seccomp_data
	binary.NativeEndian.PutUint32(data[0:], nr)
	binary.NativeEndian.PutUint32(data[4:], arch)
	var a uint32
	for pc := 0; pc < len(f); pc++ {
		i := f[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		}
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.NativeEndian.Uint32(data[i.K:])
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			jump(a == i.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			jump(a >= i.K)
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		default:
			t.Fatalf("instruction %d: %+v", pc, i)
		}
	}
	t.Fatal("it does not end")
	return 0
}

// TestFilter: what is listed is denied, and so is every way around the list.
func TestFilter(t *testing.T) {
	nrs, err := Numbers([]string{"ptrace", "12345", "open"}) // open: not on every architecture
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	f := filter(nrs)
	const deny = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	for _, tt := range []struct {
		name     string
		arch, nr uint32
		want     uint32
	}{
		{"listed", auditArch, unix.SYS_PTRACE, deny},
		{"listed by number", auditArch, 12345, deny},
		{"not listed", auditArch, unix.SYS_GETPID, unix.SECCOMP_RET_ALLOW},
		{"after the last", auditArch, 1 << 20, unix.SECCOMP_RET_ALLOW},
		{"io_uring", auditArch, unix.SYS_IO_URING_SETUP, deny},
		{"32 bit", unix.AUDIT_ARCH_I386, unix.SYS_GETPID, deny},
		{"x32", auditArch, x32 | unix.SYS_GETPID, deny},
		{"x32, its first", auditArch, x32, deny},
		{"below x32", auditArch, x32 - 1, unix.SECCOMP_RET_ALLOW},
		{"a syscall of -1", auditArch, 1<<32 - 1, deny},
	} {
		if got := run(t, f, tt.arch, tt.nr); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
}

// TestNumbers lists every problem.
func TestNumbers(t *testing.T) {
	if auditArch == 0 {
		t.Skip("skipped: no names for this architecture")
	}
	nrs, err := Numbers([]string{"kexec_load", "vfork", "no_such_call", "exit_group", "-1", "keyctl"})
	if err == nil || len(err.(interface{ Unwrap() []error }).Unwrap()) != 3 {
		t.Errorf("%v", err)
	}
	if len(nrs) < 2 {
		t.Errorf("%d numbers", len(nrs))
	}
}
