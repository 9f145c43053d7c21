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
	if err == unix.EINVAL {
		for i := 0; i < len(b); i += unix.Getpagesize() {
			b[i] = 0
		}
		return nil
	}
	return err
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
