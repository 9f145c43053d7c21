package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// The kernel counts the processes of a cgroup that it killed because memory ran out:
// "oom_kill N" in memory.events (version 2) or memory.oom_control (version 1, since Linux
// 4.13). It does not say which. A child that died of a SIGKILL that this process did not
// send, while the count went up, is taken to be one; each unit of the count explains one
// death.
var oom struct {
	sync.Mutex
	file      string   // "" when there is none
	open      *os.File // while there is a Starter
	starters  int
	found     bool
	explained uint64 // deaths up to this count have been explained
}

// oomMark is the count at one moment.
type oomMark uint64

// holdOOM keeps the file open: it is read at every start, and opening it would cost more
// than reading.
func holdOOM() {
	oom.Lock()
	defer oom.Unlock()
	if oom.starters++; oom.starters == 1 {
		oom.open, _ = os.Open(oomPath())
	}
}

func leaveOOM() {
	oom.Lock()
	defer oom.Unlock()
	if oom.starters--; oom.starters == 0 {
		oom.open.Close() // closing nil is a harmless error
		oom.open = nil
	}
}

func markOOM() oomMark {
	oom.Lock()
	defer oom.Unlock()
	return oomMark(countOOM())
}

// since says whether the kernel has killed since m, for Exit.Summary, or returns "".
func (m oomMark) since() string {
	oom.Lock()
	defer oom.Unlock()
	now := countOOM()
	base := max(uint64(m), oom.explained)
	if now <= base {
		return ""
	}
	oom.explained = base + 1
	return fmt.Sprintf("oom_kill %d in %s", now, oom.file)
}

func countOOM() uint64 {
	f := oom.open
	if f == nil {
		var err error
		if f, err = os.Open(oomPath()); err != nil {
			return 0
		}
		defer f.Close()
	}
	return readOOM(f)
}

func oomPath() string {
	if !oom.found {
		oom.found, oom.file = true, oomFile()
	}
	return oom.file
}

func readOOM(f *os.File) uint64 {
	var b [1 << 10]byte
	n, err := f.ReadAt(b[:], 0)
	if n <= 0 && err != nil {
		return 0
	}
	for line := range strings.Lines(string(b[:n])) {
		if v, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return 0
}

// oomFile finds the file with the count of this process's cgroup.
func oomFile() string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		var dirs []string
		var name string
		switch {
		case f[0] == "0" && f[1] == "":
			dirs, name = []string{"/sys/fs/cgroup" + f[2], "/sys/fs/cgroup/unified" + f[2], "/sys/fs/cgroup"}, "memory.events"
		case strings.Contains(","+f[1]+",", ",memory,"):
			// In a container without a cgroup namespace the path is the host's and does
			// not exist here; then the mounted cgroup is this process's own.
			dirs, name = []string{"/sys/fs/cgroup/memory" + f[2], "/sys/fs/cgroup/memory"}, "memory.oom_control"
		}
		for _, dir := range dirs {
			file := strings.TrimSuffix(dir, "/") + "/" + name
			if b, err := os.ReadFile(file); err == nil && strings.Contains(string(b), "oom_kill ") {
				return file
			}
		}
	}
	return ""
}
