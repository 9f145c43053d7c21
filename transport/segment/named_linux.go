package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// CreateFile makes a segment of size bytes, rounded up to whole pages, in a new file
// at path, and maps it for writing. It fails with fs.ErrExist if the file exists;
// OpenFile opens such a file. The space is reserved at once.
//
// With keep, the file and what was written to it stay when the program ends. Its
// pages reach the disk when the kernel sees fit, or by Memory.Sync. If the file system
// supports O_TMPFILE, the file gets its name only after its space is reserved, so that
// a kill leaves all of it or nothing. Without keep, it never has a name there and goes
// with its last user; path then only says on which file system it is.
func CreateFile(path string, size int, keep bool, opt Options) (*Memory, error) {
	if size <= 0 {
		return nil, fmt.Errorf("segment: create %s: %d bytes is not a size", path, size)
	}
	size = roundUp(size)
	if _, err := os.Lstat(path); err == nil { // before any space is reserved
		return nil, fmt.Errorf("segment: %w", &fs.PathError{Op: "create", Path: path, Err: unix.EEXIST})
	}
	if !keep {
		return createUnnamed(FormFile, filepath.Dir(path), path, size, opt)
	}
	fd, err := createKept(path, size)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	f, err := os.Open(path)
	if err != nil {
		_ = os.Remove(path)
		return nil, fmt.Errorf("segment: %w", err)
	}
	m, err := mapNew(FormFile, path, fd, f, size, opt)
	if err != nil {
		_ = os.Remove(path)
	}
	return m, err
}

// createKept makes a file of size bytes at path and reserves its space.
func createKept(path string, size int) (fd int, err error) {
	refused := func(err error) error {
		return fmt.Errorf("segment: %w", &fs.PathError{Op: "create", Path: path, Err: err})
	}
	fd, err = openMode(filepath.Dir(path), unix.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil && !unknown(err) {
		return -1, refused(err)
	}
	if err == nil {
		if fd, err = reserved(fd, path, size); err != nil {
			return -1, err
		}
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
		if err == nil {
			return fd, nil
		}
		unix.Close(fd)
	}
	// Files without a name are not supported here, or cannot be given one; or the
	// name is taken.
	if fd, err = openMode(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600); err != nil {
		return -1, refused(err)
	}
	if fd, err = reserved(fd, path, size); err != nil {
		_ = os.Remove(path)
	}
	return fd, err
}

// reserved reserves size bytes for the new file fd and returns fd. It closes fd when
// it fails.
func reserved(fd int, path string, size int) (int, error) {
	if err := sys.Reserve(fd, size); err != nil {
		unix.Close(fd)
		return -1, full("file", path, size, err)
	}
	return fd, nil
}

// OpenFile maps all of a file that CreateFile kept, for reading, or for writing too.
// It fails with fs.ErrNotExist if there is no such file, and with a *ForeignError if it
// is not a regular file of whole pages. Whoever can write the file can also truncate
// it, which kills those that have it mapped: use it among processes that trust each
// other, and in a directory that others cannot write.
func OpenFile(path string, write bool) (*Memory, error) {
	flags, prot := os.O_RDONLY, unix.PROT_READ
	if write {
		flags, prot = os.O_RDWR, unix.PROT_READ|unix.PROT_WRITE
	}
	f, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0) // a named pipe would wait for its other end
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	size, err := wholePages(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, size, prot, unix.MAP_SHARED)
	if err != nil {
		f.Close()
		return nil, sys.LimitedMap("segment: map "+path, size, err)
	}
	return newMemory(FormFile.String(), mem, f, unix.Munmap), nil
}

func wholePages(f *os.File) (int, error) {
	st, err := f.Stat()
	switch {
	case err != nil:
		return 0, fmt.Errorf("segment: %w", err)
	case st.Mode().Type() != 0:
		return 0, &ForeignError{What: "type", Got: uint64(st.Mode().Type()), Want: uint64(fs.FileMode(0))}
	case st.Size() == 0 || st.Size() != int64(roundUp(int(st.Size()))):
		return 0, &ForeignError{What: "size", Got: uint64(st.Size()), Want: uint64(roundUp(int(max(st.Size(), 1))))}
	}
	return int(st.Size()), nil
}

// Sync writes the pages of a segment in a file on a disk to that disk, and returns
// when they are there. For other forms it does nothing.
func (m *Memory) Sync() error {
	if err := unix.Msync(m.mem, unix.MS_SYNC); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("segment: sync: %w", err)
	}
	return nil
}
