package sysv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// registries returns the directories in which files may be; a new one goes into the
// first. An earlier program may have had another environment.
func registries() (dirs []string) {
	if base := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(base) && private(base) == nil {
		dirs = append(dirs, filepath.Join(base, "understudy"))
	}
	for _, dir := range known() {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// known returns the registries that do not depend on the environment: that of programs
// without XDG_RUNTIME_DIR, and that of programs in a systemd session. So a program that
// is started otherwise, for example by cron, finds what those have left.
var known = func() []string {
	uid := os.Geteuid()
	return []string{fmt.Sprintf("/tmp/understudy-%d", uid), fmt.Sprintf("/run/user/%d/understudy", uid)}
}

// private returns an error unless a directory is this user's alone.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*unixStat)
	if !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return &transport.LimitError{Op: "sysv: use the registry " + dir, Limit: "mode and owner", Value: uint64(info.Mode().Perm()),
			Remedy: "it must be a directory of this user with mode 0700: remove it, or set XDG_RUNTIME_DIR", Err: fs.ErrPermission}
	}
	return nil
}

// unwritable returns the error for a file or directory of the registry that cannot be
// made.
func unwritable(path string, err error) error {
	op := "sysv: registry: create " + path
	for _, e := range []error{unix.EROFS, unix.EACCES, unix.EPERM, unix.ENOSPC, unix.EDQUOT, unix.ENOENT, unix.ENOTDIR} {
		if errors.Is(err, e) {
			return &transport.LimitError{Op: op, Limit: "room or permission to write in " + filepath.Dir(path), Err: e,
				Remedy: `set XDG_RUNTIME_DIR to a directory of this user that can be written, with mode 0700, or use the queue form "ring"`}
		}
	}
	if errno := unix.Errno(0); errors.As(err, &errno) {
		err = errno
	}
	return sys.Limited(op, err)
}

// enter makes the file of a new queue, locked. EEXIST: choose another key.
func enter(key uint32) (*os.File, error) {
	dir := registries()[0]
	path := filepath.Join(dir, fileName(key))
	for range 100 {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, unwritable(dir, err)
		}
		if err := private(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		switch err {
		case nil:
		case unix.ENOENT:
			continue // a process without further queues has just removed the directory
		case unix.EEXIST:
			return nil, err
		default:
			return nil, unwritable(path, err)
		}
		f := os.NewFile(uintptr(fd), path)
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil && linked(fd) {
			return f, nil
		}
		f.Close() // it was swept before it was locked
		return nil, unix.EEXIST
	}
	return nil, fmt.Errorf("sysv: registry: %s is removed as soon as it is made", dir)
}

// linked reports whether a file still has a name.
func linked(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Nlink > 0
}

const prefix = "msg-"

func fileName(key uint32) string { return fmt.Sprintf("%s%08x", prefix, key) }

// record returns the contents of a registry file. PROTOCOL.md describes them.
func record(key uint32, space uint64) string {
	return fmt.Sprintf("understudy sysv queue 1\nkey %08x\nipc %d\n", key, space)
}

// parseRecord reads a registry file.
func parseRecord(r io.ReaderAt) (key uint32, space uint64, err error) {
	b := make([]byte, 128)
	n, err := r.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return 0, 0, fmt.Errorf("sysv: registry: %w", err)
	}
	if _, err := fmt.Sscanf(string(b[:n]), "understudy sysv queue 1\nkey %x\nipc %d\n", &key, &space); err != nil ||
		record(key, space) != string(b[:n]) {
		return 0, 0, &transport.CorruptError{What: "bytes of a registry file", Value: uint64(n)}
	}
	return key, space, nil
}

// ipcSpace identifies the IPC namespace of this process: in another one, the same key
// means another queue.
func ipcSpace() uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/ipc", &st) != nil {
		return 0
	}
	return st.Ino
}

// newKey returns a random key for a queue.
func newKey() uint32 { return rand.Uint32N(1<<31-1) + 1 }

// queueOf returns the id of the queue that a registry file describes. ENOENT: there is
// none, or it belongs to somebody else.
func queueOf(f *os.File) (id int, err error) {
	key, space, err := parseRecord(f)
	if err != nil {
		return -1, err
	}
	if space != ipcSpace() {
		return -1, fmt.Errorf("sysv: the queue belongs to IPC namespace %d, this process to %d", space, ipcSpace())
	}
	if id, err = sys.MsgOpen(key); err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := sys.FD(f, func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		return -1, err
	}
	q, err := sys.MsgInfo(id)
	if err == unix.EACCES {
		return -1, unix.ENOENT
	}
	if err != nil {
		return -1, err
	}
	// The kernel's clocks of files and of queues differ by a tick.
	written := st.Mtim.Sec - 2
	if uint32(q.Perm.Key) != key || q.Perm.Cuid != st.Uid || q.Perm.Mode&0o777 != 0o600 || q.Ctime < int64(written) {
		return -1, unix.ENOENT
	}
	return id, nil
}

// Remove removes the queue of the registry file f, with what is in it, and the file's
// name. f stays open. Afterwards the sender finds the queue full, and the receiver finds
// it empty.
func Remove(f transport.File) error {
	file, ok := f.(*os.File)
	if !ok {
		return fmt.Errorf("sysv: remove: %T is no registry file", f)
	}
	id, err := queueOf(file)
	if err == nil {
		err = sys.MsgRemove(id)
	}
	if err != nil && err != unix.ENOENT && err != unix.EIDRM && err != unix.EINVAL {
		return fmt.Errorf("sysv: remove: %w", err)
	}
	return sys.FD(file, func(fd int) error {
		path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			return fmt.Errorf("sysv: remove: %w", err)
		}
		return forget(path)
	})
}

// forget removes the name of a registry file, and the directory with the last.
func forget(path string) error {
	if !isRegistered(path) {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sysv: registry: %w", err)
	}
	_ = unix.Rmdir(filepath.Dir(path)) // ENOTEMPTY while other queues exist
	return nil
}

// Sweep removes the queues whose users have all ended. It leaves those of living
// processes, and all that are not in the registry. Programs call it when they start and
// stop; while nobody uses this form, it costs a few system calls.
func Sweep() error {
	paths, err := registered()
	for _, path := range paths {
		err = errors.Join(err, sweep(path))
	}
	for _, dir := range registries() {
		if private(dir) == nil {
			_ = unix.Rmdir(dir) // ENOTEMPTY while other queues exist
		}
	}
	return err
}

// isRegistered reports whether a path is that of a registry file.
func isRegistered(path string) bool {
	return slices.Contains(registries(), filepath.Dir(path)) && strings.HasPrefix(filepath.Base(path), prefix)
}

// registered returns the paths of all registry files.
func registered() (paths []string, err error) {
	for _, dir := range registries() {
		if private(dir) != nil {
			continue // it does not exist, or is somebody else's
		}
		entries, e := os.ReadDir(dir)
		if e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("sysv: registry: %w", e))
		}
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); isRegistered(path) {
				paths = append(paths, path)
			}
		}
	}
	return paths, err
}

// sweep removes the queue of one registry file, and the file, if nobody holds it.
func sweep(path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // somebody else has removed it
	}
	f := os.NewFile(uintptr(fd), "sysv")
	defer f.Close()
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // in use
	}
	_, space, err := parseRecord(f)
	if err == nil && space != ipcSpace() {
		return nil // a program of that namespace will sweep it
	}
	if id, err := queueOf(f); err == nil {
		if err := sys.MsgRemove(id); err != nil && err != unix.EIDRM && err != unix.EINVAL {
			return fmt.Errorf("sysv: sweep: %w", err)
		}
	}
	return forget(path)
}
