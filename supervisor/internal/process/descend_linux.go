package process

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// entry is one process of the machine at one moment. It may be a zombie: whether all its
// threads have ended, or only the first one, makes no difference here.
type entry struct {
	pid, parent int
	start       string // with pid, its identity
}

// processes reads /proc. Processes that end meanwhile may be missing. It returns false if
// /proc shows another PID namespace, or if there is no descriptor left to read it with.
func processes() (all []entry, ok bool) {
	if foreignProc() {
		return nil, false
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, false
	}
	defer dir.Close() // not before: whoever kills a process needs two descriptors, too
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		e, err := processIn(name, pid)
		switch {
		case err == nil:
			all = append(all, e)
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
			return nil, false
		}
	}
	return all, true
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

func processOf(pid int) (e entry, ok bool) {
	e, err := processIn(strconv.Itoa(pid), pid)
	return e, err == nil
}

// processIn reads the process of a directory in /proc.
func processIn(folder string, pid int) (e entry, err error) {
	b, err := os.ReadFile("/proc/" + folder + "/stat")
	if err != nil {
		return e, err
	}
	// The second field is the name in parentheses, which may hold anything.
	text := string(b)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 20 {
		return e, unix.ENODATA
	}
	e = entry{pid: pid, start: f[19]}
	e.parent, err = strconv.Atoi(f[1])
	return e, err
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
func EndDescendants() {
	killed := map[entry]bool{}
	pause := time.Millisecond
	for deadline := time.Now().Add(endTime); anyChildAlive() && time.Now().Before(deadline); {
		if all, ok := descendants(); !ok {
			killChildren(killChild, anyChildAlive, deadline)
		} else if killNew(all, killed) {
			pause = time.Millisecond
			continue
		}
		time.Sleep(pause)
		pause = min(2*pause, maxPause)
	}
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

// killChild kills the process of that number if it is a living child. Between the two
// nobody must reap it, or the number may belong to another process.
func killChild(pid int) bool {
	return isChild(unix.P_PID, pid, unix.WSTOPPED) && unix.Kill(pid, unix.SIGKILL) == nil
}

// killNew kills processes and adds them to killed. It says whether any were not in killed
// before.
func killNew(all []entry, killed map[entry]bool) (fresh bool) {
	for _, p := range all {
		p.kill()
		id := entry{pid: p.pid, start: p.start}
		fresh = fresh || !killed[id]
		killed[id] = true
	}
	return fresh
}

// maxPID is the highest number of a process for which a kernel can be configured.
const maxPID = 4 << 20

// killChildren kills children of this process where /proc does not show them: it tries
// numbers, for which it needs no descriptor. kill says whether a number is that of a child,
// which it has killed, and left whether any child is left. What children have started
// becomes children of this process at their end, for another call.
//
// Most children have a number a little higher than this process, or a low one if the
// numbers have begun again, as they do by default at a power of two. The other numbers are
// tried only if no child is found there. Nothing is tried after the deadline.
func killChildren(kill func(pid int) bool, left func() bool, deadline time.Time) {
	self, again := unix.Getpid(), 1<<15
	for again < self {
		again *= 2
	}
	for _, r := range [][2]int{{self + 1, again}, {1, self}, {again + 1, maxPID}} {
		found := false
		for pid := r[0]; pid <= r[1]; pid++ {
			found = kill(pid) || found
			if pid%(1<<10) == 0 && (!left() || !time.Now().Before(deadline)) {
				return
			}
		}
		if found {
			return
		}
	}
}

// Descendants returns the numbers of all descendants of this process; ok is false if
// /proc does not show them.
func Descendants() (pids []int, ok bool) {
	all, ok := descendants()
	for _, p := range all {
		pids = append(pids, p.pid)
	}
	return pids, ok
}

func descendants() (found []entry, ok bool) {
	all, ok := processes()
	return below(unix.Getpid(), all), ok
}

// below returns the descendants of a process among all, which may be in any order.
func below(pid int, all []entry) (found []entry) {
	ours := map[int]bool{pid: true}
	for more := true; more; {
		more = false
		for _, p := range all {
			if ours[p.parent] && !ours[p.pid] {
				ours[p.pid], more = true, true
				found = append(found, p)
			}
		}
	}
	return found
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
