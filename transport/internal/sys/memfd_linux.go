package sys

import (
	"golang.org/x/sys/unix"
)

// Seals are what every segment must have before a peer maps it: its size
// never changes, nobody but the creator's first mapping can write it, and no
// seal can be taken off or added.
const Seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL

// Memfd makes anonymous memory of size bytes that can be sealed. The name is
// for people who read /proc/PID/maps. The descriptor is close-on-exec.
func Memfd(name string, size int) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	// Linux 6.3: memory that nobody can ever execute. Older kernels say EINVAL.
	fd, err := retry(func() (int, error) { return unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL) })
	if err == unix.EINVAL {
		fd, err = retry(func() (int, error) { return unix.MemfdCreate(name, flags) })
	}
	if err != nil {
		return -1, err
	}
	if _, err := retry(func() (int, error) { return 0, unix.Ftruncate(fd, int64(size)) }); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Seal adds Seals to a memfd (F_SEAL_FUTURE_WRITE: Linux 5.1).
func Seal(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, Seals)
	return err
}

// GetSeals reads the seals of a file; files that cannot have any say EINVAL.
func GetSeals(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
}

// Populate takes memory for every page of b, which is fresh memory mapped for
// writing, so that no later access faults. A kernel before Linux 5.14 gets each
// page touched instead; then a machine without memory kills instead of failing.
func Populate(b []byte) error {
	_, err := retry(func() (int, error) { return 0, unix.Madvise(b, unix.MADV_POPULATE_WRITE) })
	if err == unix.EINVAL || NoSuchCall(err) {
		for i := 0; i < len(b); i += unix.Getpagesize() {
			b[i] = 0
		}
		return nil
	}
	return err
}

// NoSuchCall says that a call, or a flag of it, is one that the kernel or the
// file does not have, or that a filter of system calls (seccomp) refuses.
func NoSuchCall(err error) bool {
	return err == unix.ENOSYS || err == unix.EOPNOTSUPP || err == unix.EPERM
}

// retry calls f again while a signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// reserveStep is how many bytes Reserve asks for at a time: a signal makes the
// kernel start again with what was asked for last.
const reserveStep = 4 << 20

// Reserve makes a file have size bytes, and the file system keep room for all
// of them: ENOSPC comes from here, and not as a SIGBUS from an access later. A
// file system that cannot promise room gets zeros written.
func Reserve(fd, size int) error {
	for off := 0; off < size; off += reserveStep {
		n := min(reserveStep, size-off)
		_, err := retry(func() (int, error) { return 0, unix.Fallocate(fd, 0, int64(off), int64(n)) })
		if NoSuchCall(err) {
			return writeZeros(fd, off, size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeZeros(fd, off, size int) error {
	zeros := make([]byte, min(1<<20, size-off))
	for off < size {
		n, err := retry(func() (int, error) { return unix.Pwrite(fd, zeros[:min(len(zeros), size-off)], int64(off)) })
		if err != nil {
			return err
		}
		off += n
	}
	return nil
}
