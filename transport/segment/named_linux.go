package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// CreateFile makes a segment of size bytes, rounded up to whole pages, in a new
// file at path, and maps it for writing. A file that exists already is an
// error, fs.ErrExist: OpenFile opens it. The space is reserved at once.
//
// With keep the file stays when the program ends, with what was written; its
// pages reach the disk when the kernel sees fit, or with Memory.Sync. Without,
// its name is gone when CreateFile returns, and the file goes with its last
// user; path then only says on which file system it is.
func CreateFile(path string, size int, keep bool, opt Options) (*Memory, error) {
	if size <= 0 {
		return nil, fmt.Errorf("segment: create %s: %d bytes is not a size", path, size)
	}
	size = roundUp(size)
	rw, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	defer rw.Close()
	m, err := fill(rw, path, size, opt)
	if err != nil || !keep {
		if e := os.Remove(path); err == nil && e != nil {
			m.Close()
			return nil, fmt.Errorf("segment: %w", e)
		}
	}
	return m, err
}

// fill reserves the space of a new named file and maps it.
func fill(rw *os.File, path string, size int, opt Options) (*Memory, error) {
	fd := int(rw.Fd())
	if err := sys.Reserve(fd, size); err != nil {
		return nil, full("file", path, size, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	return mapNew(FormFile, path, fd, f, size, opt)
}

// OpenFile maps a file of whole pages that CreateFile kept, all of it: for
// reading, or for writing too. What does not exist is fs.ErrNotExist; what is
// no regular file of whole pages is a *ForeignError. Whoever can write the file
// can also cut it, which kills who has it mapped: use it among processes that
// trust each other, and in a directory that others cannot write.
func OpenFile(path string, write bool) (*Memory, error) {
	flags, prot := os.O_RDONLY, unix.PROT_READ
	if write {
		flags, prot = os.O_RDWR, unix.PROT_READ|unix.PROT_WRITE
	}
	f, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0) // or it would wait for the other end of a pipe
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

// Sync writes the pages of a segment that is a file on a disk to that disk, and
// returns when they are there. For other forms it does nothing.
func (m *Memory) Sync() error {
	if err := unix.Msync(m.mem, unix.MS_SYNC); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("segment: sync: %w", err)
	}
	return nil
}
