package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// The rights that the kinds of paths give. The kernel refuses rights on directories
// for a file.
const (
	readRights  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	firstRights = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // of version 1
	fileRights  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// rights returns all rights on files that a version of Landlock knows.
func rights(abi int) uint64 {
	r := uint64(firstRights)
	if abi >= 2 {
		r |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= truncateABI {
		r |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 5 {
		r |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return r
}

// landlockABI returns the kernel's version of Landlock, or why there is none.
func landlockABI() (int, error) {
	v, err := sys.LandlockABI()
	switch err {
	case nil:
		return v, nil
	case unix.EOPNOTSUPP:
		return 0, fmt.Errorf("sandbox: Landlock is switched off at boot: %w", err)
	}
	return 0, fmt.Errorf("sandbox: Landlock: %w", err)
}

// Rules are Paths whose files have been looked up.
type Rules struct{ fd int }

// Open looks up the paths, with the rights that the calling thread has now. A path of
// ReadOnly or ReadWrite that does not exist is an error. If the kernel's Landlock cannot
// enforce everything, the error is an *ABIError and the Rules are what it can enforce;
// with any other error there are no Rules.
func (p Paths) Open() (*Rules, error) {
	abi, err := landlockABI()
	if err != nil {
		return nil, err
	}
	all := rights(abi)
	fd, err := sys.LandlockRuleset(all)
	if err != nil {
		return nil, fmt.Errorf("sandbox: Landlock: %w", err)
	}
	r := &Rules{fd}
	for _, path := range p.ReadOnly {
		err = errors.Join(err, r.allow(path, readRights))
	}
	for _, path := range p.ReadWrite {
		err = errors.Join(err, r.allow(path, all))
	}
	for _, path := range p.Files {
		if e := r.allow(path, all&fileRights); !errors.Is(e, unix.ENOENT) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	if abi < truncateABI {
		return r, &ABIError{abi}
	}
	return r, nil
}

func (r *Rules) allow(path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sandbox: %s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("sandbox: %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= fileRights
	}
	if err := sys.LandlockAllow(r.fd, fd, access); err != nil {
		return fmt.Errorf("sandbox: Landlock on %s: %w", path, err)
	}
	return nil
}

// Restrict puts the calling thread under the rules. It needs no_new_privs or
// CAP_SYS_ADMIN.
func (r *Rules) Restrict() error {
	if err := sys.LandlockRestrict(r.fd); err != nil {
		return fmt.Errorf("sandbox: Landlock: %w", err)
	}
	return nil
}

// Close frees the rules; a restricted thread stays restricted.
func (r *Rules) Close() { unix.Close(r.fd) }
