package sys

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// ENOMEM has many causes, and the kernel does not say which. They are told apart by
// comparing what this process uses with what it may use, the certain causes before the
// likely ones. This is done only after a failure. It takes a few milliseconds at worst,
// depending on the length of /proc/self/maps.

// LimitedMap is Limited for an attempt to map, or to populate, n bytes.
func LimitedMap(op string, n int, err error) error {
	if err == unix.ENOMEM {
		return noMemory(op, uint64(n))
	}
	return Limited(op, err)
}

// noMemory returns the error that names the limit by which n bytes were refused.
func noMemory(op string, n uint64) error {
	e := &transport.LimitError{Op: op, Err: unix.ENOMEM}
	status, page := lines("/proc/self/status"), uint64(os.Getpagesize())
	n = max(n, page)
	if most := Rlimit(unix.RLIMIT_AS); status["VmSize"]+n > most && most != 0 {
		e.Limit, e.Value = "RLIMIT_AS", most
		e.Remedy = fmt.Sprintf("this process uses %d of these bytes: raise it with ulimit -v or LimitAS=, or use smaller pools", status["VmSize"])
		return e
	}
	if most := Rlimit(unix.RLIMIT_DATA); status["VmData"]+page > most && most != 0 {
		e.Limit, e.Value = "RLIMIT_DATA", most
		e.Remedy = fmt.Sprintf("this process uses %d of these bytes: raise it with Child.Memory, ulimit -d or LimitDATA=", status["VmData"])
		return e
	}
	// A little less than the limit: other goroutines may have unmapped some since.
	if most, n := Sysctl("vm/max_map_count"), mappings(); most != 0 && n >= most-most/64 {
		e.Limit, e.Value = "vm.max_map_count", most
		e.Remedy = fmt.Sprintf("this process has %d mappings: raise it with sysctl vm.max_map_count, or use fewer and larger segments", n)
		return e
	}
	machine := lines("/proc/meminfo")
	if Sysctl("vm/overcommit_memory") == 2 && machine["Committed_AS"]+n > machine["CommitLimit"] {
		e.Limit, e.Value = "CommitLimit of /proc/meminfo", machine["CommitLimit"]
		e.Remedy = fmt.Sprintf("%d of these bytes are promised: raise it with sysctl vm.overcommit_ratio or swap, or use smaller pools", machine["Committed_AS"])
		return e
	}
	if name, most, ok := cgroup(n); ok {
		e.Limit, e.Value, e.Remedy = name, most, "the cgroup uses that many bytes: raise the memory limit of the container or service (MemoryMax=), or use smaller pools"
		return e
	}
	e.Limit, e.Value = "MemAvailable of /proc/meminfo", machine["MemAvailable"]
	e.Remedy = "no limit of this process or its cgroup is reached (RLIMIT_AS, RLIMIT_DATA, vm.max_map_count, vm.overcommit_memory, memory.max): " +
		"the kernel does not have so much at once; use smaller pools"
	return e
}

// cgroup finds a cgroup of this process that does not have n bytes left, and returns the
// file that limits it, and the limit. Page cache counts as used there.
func cgroup(n uint64) (name string, most uint64, ok bool) {
	for line := range strings.Lines(string(content("/proc/self/cgroup", 1<<16))) {
		_, rest, _ := strings.Cut(line, ":")
		controllers, dir, _ := strings.Cut(strings.TrimSpace(rest), ":")
		base, limit, use := "/sys/fs/cgroup", "memory.max", "memory.current"
		switch controllers {
		case "":
		case "memory":
			base, limit, use = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
		default:
			continue
		}
		for dir = path.Clean("/" + dir); ; dir = path.Dir(dir) { // the cgroups above limit it, too
			name = path.Join(base, dir, limit)
			most, used := number(content(name, 64)), number(content(path.Join(base, dir, use), 64))
			if most != 0 && used != 0 && used+n > most {
				return name, most, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return "", 0, false
}

// mappings returns how many mappings this process has.
func mappings() (n uint64) {
	scan("/proc/self/maps", func(b []byte) bool {
		n += uint64(bytes.Count(b, []byte{'\n'}))
		return true
	})
	return n
}

// lines reads a file of lines such as "VmSize:  1024 kB" and returns the values, in
// bytes.
func lines(name string) map[string]uint64 {
	all := map[string]uint64{}
	for line := range strings.Lines(string(content(name, 1<<16))) {
		key, rest, _ := strings.Cut(line, ":")
		if kb, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB"); ok {
			all[key] = number([]byte(kb)) << 10
		}
	}
	return all
}

// number parses a decimal number; it returns 0 for anything else.
func number(text []byte) uint64 {
	n, _ := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if n > math.MaxInt64/2 { // so a cgroup says that it has no limit
		return 0
	}
	return n
}

// content returns about the first most bytes of a file, or nil if it cannot be read.
func content(name string, most int) (all []byte) {
	scan(name, func(b []byte) bool {
		all = append(all, b...)
		return len(all) < most
	})
	return all
}

// scan calls f with the pieces of a file until f returns false. It does not use package
// os, which would first try to put the file into its poller: making a segment calls it.
func scan(name string, f func([]byte) bool) {
	fd, err := retry(func() (int, error) { return unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return
	}
	defer unix.Close(fd)
	b := make([]byte, 16<<10)
	for {
		n, err := retry(func() (int, error) { return unix.Read(fd, b) })
		if err != nil || n <= 0 || !f(b[:n]) {
			return
		}
	}
}
