package testutil

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// warmUp makes the runtime open what it opens once and keeps, the descriptors of its
// poller, and the goroutine and descriptors for signals, so that no test is blamed for
// them.
func warmUp() {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	signal.Stop(c)
}

// addSystem lists what the kernel holds for this process.
func (all items) addSystem() {
	all.addDescriptors()
	all.addChildren()
	all.addNames("/dev/shm", "shared memory")
	all.addNames("/dev/mqueue", "POSIX queue")
	all.addSysV("shm", "cpid", "lpid")
	all.addSysV("msg", "lspid", "lrpid")
	all.addRegistered()
	all.addMappings()
}

func (all items) addDescriptors() {
	const dir = "/proc/self/fd"
	self := fmt.Sprintf("/proc/%d/fd", os.Getpid())
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || target == self {
			continue // the descriptor that the listing itself needed
		}
		what := "descriptor " + e.Name() + ": " + target
		all[what] = what
	}
}

// addChildren lists the processes whose parent is this one. If there are none, the kernel
// says so at once; otherwise every process of the machine is examined, which takes a while
// if there are many.
func (all items) addChildren() {
	const options = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT | unix.WALL
	if err := unix.Waitid(unix.P_ALL, 0, nil, options, nil); err == unix.ECHILD {
		return
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (comm) state ppid ...: comm may contain anything, so the
		// fields are counted from its last parenthesis.
		end := bytes.LastIndexByte(stat, ')')
		rest := strings.Fields(string(stat[end+1:]))
		const state, ppid, startTime = 0, 1, 19
		if end < 0 || len(rest) <= startTime || rest[ppid] != strconv.Itoa(os.Getpid()) {
			continue
		}
		what := fmt.Sprintf("process %s, state ", stat[:end+1])
		all[what+rest[startTime]] = what + rest[state]
	}
}

// addNames lists the names in a directory that only this library makes.
func (all items) addNames(dir, kind string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		tail, ok := strings.CutPrefix(e.Name(), "understudy")
		if ok && !foreign(tail) {
			what := kind + " " + filepath.Join(dir, e.Name())
			all[what] = what
		}
	}
}

// foreign reports whether the rest of a name has the id of a living process that has
// nothing to do with this test.
func foreign(tail string) bool {
	digits := strings.TrimLeft(tail, "-._")
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	pid, err := strconv.Atoi(digits)
	if err != nil || ours(pid) {
		return false
	}
	_, err = os.Stat("/proc/" + digits)
	return err == nil
}

// ours reports whether pid is this process or a helper that it has started.
func ours(pid int) bool {
	if pid == os.Getpid() {
		return true
	}
	procsMu.Lock()
	defer procsMu.Unlock()
	return pids[pid] != 0
}

// addSysV lists the ids of one kind for which one of the pid columns names this process or
// a helper. The kernel's table of semaphore sets has no such column, so ours cannot be
// told from those of other programs.
func (all items) addSysV(kind string, columns ...string) {
	table, err := os.ReadFile("/proc/sysvipc/" + kind)
	if err != nil {
		return
	}
	lines := strings.Split(string(table), "\n")
	header := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) != len(header) {
			continue
		}
		row := make(map[string]string, len(header))
		for i, name := range header {
			row[name] = fields[i]
		}
		for _, column := range columns {
			if pid, err := strconv.Atoi(row[column]); err == nil && ours(pid) && touched(row, pid) {
				what := fmt.Sprintf("SysV %s id %s", kind, row[kind+"id"])
				all[what] = fmt.Sprintf("%s (key %s, %s %d)", what, row["key"], column, pid)
			}
		}
	}
}

// addRegistered lists the SysV queues in the library's registry whose processes have all
// ended, so that nobody holds them. The kernel's table does not show these if they were
// used only by processes that this one does not know. A file of another IPC namespace is
// left out: it belongs to a program that this test has not started, and only a process of
// that namespace can remove its queue.
func (all items) addRegistered() {
	space := "\nipc "
	if ns, err := os.Stat("/proc/self/ns/ipc"); err == nil {
		space = fmt.Sprintf("\nipc %d\n", ns.Sys().(*syscall.Stat_t).Ino)
	}
	for _, dir := range []string{filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "understudy"), fmt.Sprintf("/tmp/understudy-%d", os.Geteuid())} {
		files, _ := filepath.Glob(filepath.Join(dir, "msg-*"))
		for _, path := range files {
			f, err := os.Open(path)
			if err != nil {
				continue // removed meanwhile
			}
			record, err := io.ReadAll(f)
			if err == nil && bytes.Contains(record, []byte(space)) && unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
				what := "SysV queue of a dead program, registered in " + path
				all[what] = what
			}
			f.Close()
		}
	}
}

// touched reports whether a queue or segment was made or used since the helper pid was
// started: another process may have had this pid before.
func touched(row map[string]string, pid int) bool {
	procsMu.Lock()
	since := pids[pid]
	procsMu.Unlock()
	for _, column := range []string{"stime", "rtime", "atime", "dtime", "ctime"} {
		if at, err := strconv.ParseInt(row[column], 10, 64); err == nil && at >= since-1 {
			return true
		}
	}
	return false
}

// addMappings lists shared memory in the address space of this process.
func (all items) addMappings() {
	table, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(table)) {
		// address perms offset dev inode path
		path := strings.Index(line, "/")
		if path < 0 {
			continue
		}
		name := strings.TrimSpace(line[path:])
		if !shared(name) {
			continue
		}
		span, _, _ := strings.Cut(line, " ")
		what := "mapping " + span + " of " + name
		all[what] = what
	}
}

// shared reports whether a mapping's path is that of memory between processes.
func shared(path string) bool {
	for _, prefix := range []string{"/memfd:", "/dev/shm/", "/SYSV"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
