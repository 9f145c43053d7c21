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

// leaveTime bounds how long an ending process waits for others that end with it: a
// killed process closes its files a moment after its end is seen.
var leaveTime = time.Second

// Elsewhere returns the registry files of the queues in use by processes of this user
// other than those that users lists: by other programs, and other parts of this one. A
// process that is about to kill the listed ones calls it first, and Leave afterwards.
// users is called only if there are queues, and returns false if it does not know. Then,
// and if it cannot be found out what the listed processes use, Elsewhere returns nil. A
// queue that nobody seems to use is not included: its last user may be ending.
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
	used := map[string]bool{} // by path: true if a process that will be killed uses it, false if only others do
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
// else uses. It waits, for leaveTime at most, while others use them: if they are ending,
// too, the last one removes the queues; if not, the queues remain theirs. With all, it
// waits for all queues of this user but those in elsewhere: a process that has killed
// others does not know which queues these used in the end. After Leave, the process has
// to end.
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

// letGo closes all registry files that this process has open, also those that it has
// received but not yet looked at. It returns their names.
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
		// The number stays in use: another goroutine may be about to close it.
		if err := sys.FD(null, func(n int) error { return unix.Dup3(n, fd, unix.O_CLOEXEC) }); err == nil {
			paths = append(paths, path)
		}
	}
	return paths, nil
}
