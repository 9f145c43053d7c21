package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// shmDir is where the C library's shm_open makes its files.
const shmDir = "/dev/shm"

// createShm makes a segment of the form "shm", as shm_open and shm_unlink would, in one
// step if the kernel can.
func createShm(name string, size int, opt Options) (*Memory, error) {
	return createUnnamed(FormShm, shmDir, name, size, opt)
}

// createFile makes a segment of the form "file" without a name, in the
// directory for temporary files (TMPDIR).
func createFile(name string, size int, opt Options) (*Memory, error) {
	return createUnnamed(FormFile, os.TempDir(), name, size, opt)
}

// createUnnamed makes a file without a name in dir, reserves its space, and maps it.
//
// Peers get another descriptor of it, which is read-only: the kernel refuses to map it
// for writing, to write it and to resize it. The file's mode allows nobody to write, so
// opening it anew through /proc for writing is refused as well, unless somebody who owns
// the file changes the mode on purpose.
func createUnnamed(form Form, dir, name string, size int, opt Options) (*Memory, error) {
	what := form.String() + " " + name
	rw, ro, err := openUnnamed(dir)
	if err != nil {
		return nil, refused(what+" in "+dir, err, "make the directory writable, or use another form of segment")
	}
	defer unix.Close(rw)
	f := os.NewFile(uintptr(ro), name)
	if err := sys.Reserve(rw, size); err != nil {
		f.Close()
		return nil, full(what, dir, size, err)
	}
	return mapNew(form, name, rw, f, size, opt)
}

// full returns the error for a file system that has no room for a segment.
func full(what, dir string, size int, err error) error {
	if err != unix.ENOSPC && err != unix.EDQUOT {
		return sys.Limited("segment: reserve "+what, err)
	}
	var st unix.Statfs_t
	_ = unix.Statfs(dir, &st) // all zero if it fails
	return &transport.LimitError{
		Op: fmt.Sprintf("segment: reserve %d bytes for %s", size, what), Err: err,
		Limit: "free bytes of " + dir, Value: st.Bavail * uint64(st.Bsize),
		Remedy: fmt.Sprintf("enlarge that file system of %d bytes (docker run --shm-size, mount -o remount,size=), use smaller pools, or another form of segment", st.Blocks*uint64(st.Bsize)),
	}
}

// openUnnamed opens a new file in dir twice, for writing and for reading only. The file
// never has a name if the kernel and the file system support O_TMPFILE.
func openUnnamed(dir string) (rw, ro int, err error) {
	rw, err = open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_EXCL)
	if err == nil {
		if ro, err = open(fmt.Sprintf("/proc/self/fd/%d", rw), unix.O_RDONLY); err == nil {
			return rw, ro, nil
		}
		unix.Close(rw)
	}
	if unknown(err) {
		return openNamed(dir)
	}
	return -1, -1, err
}

// unknown reports whether err means that the kernel or the file system does not support
// files without a name, or that there is no /proc through which to open or name them.
func unknown(err error) bool {
	return err == unix.EOPNOTSUPP || err == unix.EISDIR || err == unix.EINVAL || err == unix.ENOENT
}

// openNamed is openUnnamed for systems on which a file must have a name for a moment. A
// process that is killed in that moment leaves the name behind, so openNamed first
// removes the names of dead processes.
func openNamed(dir string) (rw, ro int, err error) {
	sweep(dir)
	for range 100 {
		path := filepath.Join(dir, fmt.Sprintf("understudy-%d-%08x", os.Getpid(), rand.Uint32()))
		rw, err = open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
		if err == unix.EEXIST {
			continue
		}
		if err != nil {
			return -1, -1, err
		}
		ro, err = open(path, unix.O_RDONLY)
		if e := unix.Unlink(path); err == nil && e != unix.ENOENT { // ENOENT: another process has swept the name
			err = e
		}
		if err == nil {
			return rw, ro, nil
		}
		unix.Close(rw)
		if ro >= 0 {
			unix.Close(ro)
		}
		if err != unix.ENOENT { // ENOENT: another process has swept the name too early; try again
			return -1, -1, err
		}
	}
	return -1, -1, err
}

// sweep removes the names that dead processes of this user have left in dir. A name is
// of no use once its file is open, so removing one does no harm.
func sweep(dir string) {
	names, _ := filepath.Glob(filepath.Join(dir, "understudy-*-*"))
	for _, path := range names {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(path), "understudy-%d-", &pid); err == nil &&
			errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = unix.Unlink(path)
		}
	}
}

// open is unix.Open, close-on-exec; a new file gets a mode by which nobody may write.
func open(path string, flags int) (fd int, err error) { return openMode(path, flags, 0o400) }

// openMode is open with another mode for a new file.
func openMode(path string, flags int, mode uint32) (fd int, err error) {
	for {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
