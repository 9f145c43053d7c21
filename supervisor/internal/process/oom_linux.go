package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// The kernel says that it killed for want of memory by a count of the cgroup:
// "oom_kill N" in memory.events (version 2) or memory.oom_control (version 1,
// since Linux 4.13). It does not say whom. A child that died by a SIGKILL which
// this process did not send, while the count went up, is taken to be the one;
// each unit of the count explains one death.
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

// holdOOM keeps the file open: it is read at every start, and to open it costs more
// than that.
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
		oom.open.Close() // nil is an error and no harm
		oom.open = nil
	}
}

func markOOM() oomMark {
	oom.Lock()
	defer oom.Unlock()
	return oomMark(countOOM())
}

// since says what the kernel has done since m, or "".
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
			// Without a cgroup namespace the path is the host's and does not
			// exist here; what is mounted then is this process's own.
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
