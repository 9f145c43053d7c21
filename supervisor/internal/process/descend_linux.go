package process

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// entry is one process of the machine at one moment.
type entry struct {
	pid, parent int
	dead        bool   // a zombie
	start       string // with pid, its identity
}

// processes reads /proc. Processes that end meanwhile may be missing.
func processes() (all []entry) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if e, ok := processOf(pid); ok {
				all = append(all, e)
			}
		}
	}
	return all
}

// parentPID is the number of this process's parent. For the first process of a PID
// namespace there is one only if /proc belongs to another namespace. Otherwise it is 0,
// also if there is no descriptor left to read /proc with.
func parentPID() int {
	if pid := os.Getppid(); pid != 0 {
		return pid
	}
	e, _ := processIn("self", 0)
	return e.parent
}

func processOf(pid int) (e entry, ok bool) { return processIn(strconv.Itoa(pid), pid) }

// processIn reads the process of a directory in /proc.
func processIn(folder string, pid int) (e entry, ok bool) {
	b, err := os.ReadFile("/proc/" + folder + "/stat")
	if err != nil {
		return e, false
	}
	// The second field is the name in parentheses, which may hold anything.
	text := string(b)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 20 {
		return e, false
	}
	e = entry{pid: pid, dead: f[0] == "Z" || f[0] == "X", start: f[19]}
	e.parent, err = strconv.Atoi(f[1])
	return e, err == nil
}

// maxPause bounds the pause between two looks at descendants that were killed but are
// still there.
const maxPause = 50 * time.Millisecond

// EndDescendants kills every descendant of this process, in its group or not,
// and returns when none is left or after endTime. This process should be a
// subreaper: then the children of those that die come back to it.
//
// As long as it finds new ones it looks again at once, since they may multiply; while
// known ones are still dying it waits, longer each time.
//
// For the first process of a PID namespace, everybody else in it is a descendant,
// whatever /proc shows.
func EndDescendants() {
	killed := map[entry]bool{}
	kill := killDescendants
	if unix.Getpid() == 1 {
		kill = killNamespace
	}
	pause := time.Millisecond
	for deadline := time.Now().Add(endTime); time.Now().Before(deadline); {
		if !anyChildAlive() {
			return
		}
		if kill(killed) {
			pause = time.Millisecond
			continue
		}
		time.Sleep(pause)
		pause = min(2*pause, maxPause)
	}
}

// killNamespace is killDescendants for the first process of a PID namespace. No
// child that a supervisor starts is the first process of anything else.
func killNamespace(map[entry]bool) (fresh bool) {
	_ = unix.Kill(-1, unix.SIGKILL)
	return false
}

// anyChildAlive says whether this process has a child that is not a zombie. That is
// enough: as long as a descendant lives, so does a child of its subreaper, namely itself
// or one of its ancestors. The kernel looks at all children at one moment, while a tree
// read from /proc may lack a process that was forked meanwhile by one that has ended
// meanwhile.
func anyChildAlive() bool {
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err != unix.ECHILD
		}
	}
}

// killDescendants kills the descendants that it finds and adds them to killed. It says
// whether any were not in killed before.
func killDescendants(killed map[entry]bool) (fresh bool) {
	for _, p := range descendants() {
		p.kill()
		id := entry{pid: p.pid, start: p.start}
		fresh = fresh || !killed[id]
		killed[id] = true
	}
	return fresh
}

// Descendants returns the numbers of all descendants of this process that /proc shows;
// ok is false if /proc does not show them.
func Descendants() (pids []int, ok bool) {
	for _, p := range descendants() {
		pids = append(pids, p.pid)
	}
	return pids, !foreignProc()
}

// descendants returns the descendants that are alive.
func descendants() (alive []entry) {
	if foreignProc() {
		return nil
	}
	all := processes()
	ours := map[int]bool{unix.Getpid(): true}
	for more := true; more; {
		more = false
		for _, p := range all {
			if ours[p.parent] && !ours[p.pid] {
				ours[p.pid], more = true, true
			}
		}
	}
	for _, p := range all {
		if ours[p.pid] && p.pid != unix.Getpid() && !p.dead {
			alive = append(alive, p)
		}
	}
	return alive
}

// foreignProc says whether /proc shows another PID namespace than this process's: then
// its numbers belong to other processes here.
func foreignProc() bool {
	self, err := os.Readlink("/proc/self")
	return err != nil || self != strconv.Itoa(unix.Getpid())
}

// kill kills the process, unless its number belongs to another one by now.
func (e entry) kill() {
	fd, err := unix.PidfdOpen(e.pid, 0)
	if err == nil {
		defer unix.Close(fd)
	} else if !refused(err) {
		return // it has ended, or descriptors have run out: the next look will find it
	}
	if now, ok := processOf(e.pid); ok && now.start == e.start {
		_ = killBy(fd, e.pid)
	}
}

// killBy kills the process of a pidfd, which was found alive. If that is refused, or fd
// is -1, it uses the process's number: then nobody must have reaped the process since it
// was found, or the number may belong to another one.
func killBy(fd, pid int) error {
	if fd >= 0 {
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); !refused(err) {
			return err
		}
	}
	return unix.Kill(pid, unix.SIGKILL)
}

// refused says whether the kernel does not have a system call, or a filter does not let
// it through.
func refused(err error) bool { return err == unix.ENOSYS || err == unix.EPERM }
