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

// createShm makes a segment of the form "shm": what shm_open and shm_unlink
// make, in one step where the kernel can.
func createShm(name string, size int, opt Options) (*Memory, error) {
	return createUnnamed(FormShm, shmDir, name, size, opt)
}

// createFile makes a segment of the form "file" without a name, in the
// directory for temporary files (TMPDIR).
func createFile(name string, size int, opt Options) (*Memory, error) {
	return createUnnamed(FormFile, os.TempDir(), name, size, opt)
}

// createUnnamed makes a file in dir that nobody can find, reserves its space
// there, and maps it.
//
// Peers get another descriptor of it, one that is open for reading only: the
// kernel refuses to map it for writing, to write it and to resize it. The
// file's mode allows writing to nobody, so opening it anew by way of /proc is
// refused as well, until somebody who owns the file changes that on purpose.
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

// full says that there is no room for a segment in a file system.
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

// openUnnamed opens a new file in dir twice, for writing and for reading only.
// It never has a name where the kernel and the file system know O_TMPFILE.
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

// unknown says whether a file without a name was refused because the kernel or the
// file system does not know such files, or there is no /proc to give them one.
func unknown(err error) bool {
	return err == unix.EOPNOTSUPP || err == unix.EISDIR || err == unix.EINVAL || err == unix.ENOENT
}

// openNamed is openUnnamed for systems where a file has to have a name for a
// moment. A process that is killed in that moment leaves the name behind, so
// those of dead processes are removed here.
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
		if e := unix.Unlink(path); err == nil && e != unix.ENOENT { // another's sweep may have been first
			err = e
		}
		if err == nil {
			return rw, ro, nil
		}
		unix.Close(rw)
		if ro >= 0 {
			unix.Close(ro)
		}
		if err != unix.ENOENT { // and here before the name was of any use
			return -1, -1, err
		}
	}
	return -1, -1, err
}

// sweep removes the names that dead processes of this user have left in dir. A
// name has no use once its file is open, so taking one away harms nobody.
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

// open is unix.Open, close-on-exec, with a mode by which nobody may write.
func open(path string, flags int) (fd int, err error) { return openMode(path, flags, 0o400) }

// openMode is open for a new file that has another mode.
func openMode(path string, flags int, mode uint32) (fd int, err error) {
	for {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
