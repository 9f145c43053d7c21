package sys

import (
	"golang.org/x/sys/unix"
)

// Seals are the seals that a memfd must have before a peer maps it: its size never
// changes, only the creator's first mapping can write it, and no seal can be added.
const Seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL

// Memfd makes anonymous memory of size bytes that can be sealed. The name is
// for people who read /proc/PID/maps. The descriptor is close-on-exec.
func Memfd(name string, size int) (int, error) {
	// Since Linux 6.3: memory that can never be executed. Older kernels return EINVAL.
	fd, err := retry(func() (int, error) {
		return unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	})
	if err == unix.EINVAL {
		fd, err = retry(func() (int, error) { return unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING) })
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

// GetSeals returns the seals of a file, or EINVAL for a file that cannot have any.
func GetSeals(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
}

// Populate takes memory for every page of b, which is fresh memory mapped for writing,
// so that no later access faults. Before Linux 5.14 it touches each page instead; then a
// lack of memory kills this process instead of being an error.
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

// NoSuchCall reports whether err means that the kernel or the file does not support a
// call or its flags, or that a seccomp filter refuses it.
func NoSuchCall(err error) bool {
	return err == unix.ENOSYS || err == unix.EOPNOTSUPP || err == unix.EPERM
}

// retry calls f, and again as long as a signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// reserveStep is how many bytes Reserve asks for at a time, since a signal makes a call
// start again from its beginning.
const reserveStep = 4 << 20

// Reserve gives a file size bytes and reserves the space for them, so that a lack of
// space is ENOSPC here and not SIGBUS at a later access. On a file system that cannot
// reserve space, it writes zeros.
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
