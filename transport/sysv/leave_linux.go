package sysv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// leaveTime bounds how long a process that ends waits for those who end with it: a
// process that is killed closes its files a moment after its end is seen.
var leaveTime = time.Second

// Elsewhere is the queues that other processes of this user have in use, and some not:
// those of other programs, and of other parts of this one. Who is about to kill these
// processes asks for it, to call Leave afterwards. users is called when there are
// queues, and says no when it does not know. Elsewhere is nil when what they use cannot
// be known. What nobody seems to use is not elsewhere: its last user may be ending.
func Elsewhere(users func() (pids []int, ok bool)) (paths []string) {
	all, err := registered()
	if err != nil || len(all) == 0 {
		return nil
	}
	pids, ok := users()
	names, err := filepath.Glob("/proc/[0-9]*/fd")
	if !ok || err != nil {
		return nil
	}
	used := map[string]bool{} // by a process that will be killed, or else by others
	for _, dir := range names {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		doomed := slices.Contains(pids, pid)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrPermission) && doomed {
			return nil
		}
		if err != nil || pid == os.Getpid() {
			continue // it has ended, or is somebody else's
		}
		for _, e := range entries {
			if path, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && isRegistered(path) {
				used[path] = used[path] || doomed
			}
		}
	}
	for _, path := range all {
		if doomed, seen := used[path]; seen && !doomed {
			paths = append(paths, path)
		}
	}
	return paths
}

// Leave lets go of all queues that this process uses, and removes those that nobody
// else does. It waits, for leaveTime at most, while others use them: if they are
// ending, too, the last one removes the queues; if they are not, the queues are
// theirs. With all it waits for the queues of all programs of this user but those
// that were found Elsewhere: whoever has killed others does not know what these used
// in the end. The process has to end after it.
func Leave(all bool, elsewhere []string) error {
	own, err := letGo()
	if err != nil || len(own) == 0 && !all {
		return err
	}
	pause := time.Millisecond
	for begin := time.Now(); ; pause = min(2*pause, 50*time.Millisecond) {
		err := Sweep()
		left := func(path string) bool { _, err := os.Lstat(path); return err == nil }
		if all {
			own, _ = registered()
			own = slices.DeleteFunc(own, func(path string) bool { return slices.Contains(elsewhere, path) })
		}
		if !slices.ContainsFunc(own, left) || time.Since(begin) > leaveTime {
			return err
		}
		time.Sleep(pause)
	}
}

// letGo closes all registry files that this process has, wherever they are: those
// that came to it and that nobody has looked at, too. It returns their names.
func letGo() (paths []string, err error) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("sysv: what this process uses: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("sysv: let go of queues: %w", err)
	}
	defer null.Close()
	for _, e := range entries {
		path, _ := os.Readlink(filepath.Join(dir, e.Name()))
		fd, err := strconv.Atoi(e.Name())
		if err != nil || !isRegistered(path) {
			continue
		}
		// Its number stays in use: others of this process may be about to close it.
		if err := sys.FD(null, func(n int) error { return unix.Dup3(n, fd, unix.O_CLOEXEC) }); err == nil {
			paths = append(paths, path)
		}
	}
	return paths, nil
}
