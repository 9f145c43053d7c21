package segment

import (
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// The life of a segment of the form "sysv":
//
//	shmget    make it, under a key derived from this process
//	shmat     attach it here, for writing
//	shmctl    IPC_SET: from now on nobody may attach it for writing
//	          IPC_RMID: mark it for removal. It loses its key, but can still be
//	          attached by its id, as long as somebody has it attached
//	shmat     peers attach it by the id in its voucher, for reading
//	shmdt     each detaches; the kernel removes it with the last, however
//	          that process ends
//
// So no kill leaves anything behind, except between shmget and IPC_RMID: then the
// key tells which dead process made the segment, and Sweep removes it.

// Constants that package unix lacks.
const (
	shmRdonly = 0o10000 // SHM_RDONLY
	shmDest   = 0o1000  // SHM_DEST: marked for removal
)

var (
	sysvMu    sync.Mutex // held while a segment has this process's key
	sweepOnce sync.Once
)

// createSysV makes a segment of the form "sysv". The kernel accounts for its memory at
// once (no SHM_NORESERVE).
func createSysV(name string, size int, opt Options) (*Memory, error) {
	sweepOnce.Do(sweepAll)
	sysvMu.Lock()
	id, mem, err := newSysV(size)
	sysvMu.Unlock()
	if err != nil {
		return nil, sysvError(name, size, err)
	}
	m := newMemory(FormSysV.String(), mem, nil, unix.SysvShmDetach)
	f, err := newVoucher(id, size)
	if err != nil {
		m.Close()
		return nil, err
	}
	m.file.Store(f)
	if opt.Populate {
		if err := sys.Populate(mem); err != nil {
			m.Close()
			return nil, sys.Limited("segment: populate "+name, err)
		}
	}
	return m, nil
}

// newSysV makes, attaches and marks a segment. Preconditions: sysvMu is held.
func newSysV(size int) (id int, mem []byte, err error) {
	key := sysvKey(os.Getpid())
	for range 2 {
		id, err = unix.SysvShmGet(key, size, unix.IPC_CREAT|unix.IPC_EXCL|0o600)
		if err != unix.EEXIST {
			break
		}
		_ = sweepKey(os.Getpid()) // left by an earlier process with this pid
	}
	if err != nil {
		return 0, nil, err
	}
	fault.Hit("segment.sysv-made")
	if mem, err = unix.SysvShmAttach(id, 0, 0); err == nil {
		fault.Hit("segment.sysv-attached")
		var d unix.SysvShmDesc
		if _, err = unix.SysvShmCtl(id, unix.IPC_STAT, &d); err == nil {
			d.Perm.Mode = d.Perm.Mode&^0o777 | 0o400
			_, err = unix.SysvShmCtl(id, unix.IPC_SET, &d)
		}
	}
	if _, e := unix.SysvShmCtl(id, unix.IPC_RMID, nil); err == nil {
		err = e
	}
	if err != nil && mem != nil {
		_ = unix.SysvShmDetach(mem)
	}
	return id, mem, err
}

// openSysV attaches the segment of a voucher for reading. Its size cannot change, so
// it cannot be truncated. As with a file, a process of its user can make it writable
// again.
func openSysV(id, size int) ([]byte, error) {
	mem, err := unix.SysvShmAttach(id, 0, shmRdonly)
	if err != nil {
		return nil, fmt.Errorf("segment: attach SysV segment %d (its owner is gone, or in another IPC namespace): %w", id, err)
	}
	var d unix.SysvShmDesc
	_, err = unix.SysvShmCtl(id, unix.IPC_STAT, &d)
	switch {
	case err != nil:
		err = fmt.Errorf("segment: SysV segment %d: %w", id, err)
	case len(mem) != size:
		err = &ForeignError{What: "size", Got: uint64(len(mem)), Want: uint64(size)}
	case d.Perm.Mode&0o1777 != shmDest|0o400:
		err = &ForeignError{What: "mode", Got: uint64(d.Perm.Mode & 0o1777), Want: shmDest | 0o400}
	default:
		return mem, nil
	}
	_ = unix.SysvShmDetach(mem)
	return nil, err
}

// pidSpace returns the PID namespace of this process, which never changes.
var pidSpace = sync.OnceValue(func() uint64 {
	var ns unix.Stat_t
	_ = unix.Stat("/proc/self/ns/pid", &ns)
	return ns.Ino
})

// sysvKey returns the key that the process pid gives to a segment until it is marked for
// removal. Nobody else computes it, so a segment that has this key, and whose creator
// had this pid and is gone, was left behind.
func sysvKey(pid int) int {
	h := fnv.New32a()
	fmt.Fprintf(h, "understudy segment %d %d %d", os.Getuid(), pidSpace(), pid)
	return int(h.Sum32()&0x7fffffff | 1) // positive, and not IPC_PRIVATE
}

// Sweep removes the SysV segment that the process pid, which has ended, may have left
// because it was killed while making it. If there is none, Sweep costs one system call.
// It leaves the segments of this process alone.
func Sweep(pid int) error {
	if pid == os.Getpid() { // of an actor that ran in this process
		return nil
	}
	return sweepKey(pid)
}

func sweepKey(pid int) error {
	id, err := unix.SysvShmGet(sysvKey(pid), 0, 0)
	if err != nil {
		return nil // ENOENT: nothing; anything else: not ours
	}
	var d unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &d); err != nil || d.Nattch != 0 || int(d.Cpid) != pid || int(d.Perm.Cuid) != os.Geteuid() {
		return nil
	}
	if _, err := unix.SysvShmCtl(id, unix.IPC_RMID, nil); err != nil && err != unix.EINVAL && err != unix.EIDRM {
		return fmt.Errorf("segment: sweep: %w", err)
	}
	return nil
}

// sweepAll removes what all dead processes of this user have left.
func sweepAll() {
	table, _ := os.ReadFile("/proc/sysvipc/shm")
	for line := range strings.Lines(string(table)) {
		var key, id, perms, size, pid int
		if _, err := fmt.Sscan(line, &key, &id, &perms, &size, &pid); err != nil || pid <= 0 || key != sysvKey(pid) {
			continue
		}
		if unix.Kill(pid, 0) == unix.ESRCH {
			_ = sweepKey(pid)
		}
	}
}

// sysvError adds to err which of the limits of SysV segments was reached.
func sysvError(name string, size int, err error) error {
	op := fmt.Sprintf("segment: create sysv %s of %d bytes", name, size)
	limit := func(name, remedy string) error {
		return &transport.LimitError{Op: op, Limit: "kernel." + name, Value: sys.Sysctl("kernel/" + name), Remedy: remedy, Err: err}
	}
	switch err {
	case unix.EINVAL:
		return limit("shmmax", "raise it with sysctl kernel.shmmax, or use smaller pools or another form of segment")
	case unix.ENOSPC:
		table, _ := os.ReadFile("/proc/sysvipc/shm")
		if n := strings.Count(string(table), "\n") - 1; uint64(max(n, 0)) >= sys.Sysctl("kernel/shmmni") {
			return limit("shmmni", "remove segments that nobody uses (ipcs -m, ipcrm), raise it with sysctl kernel.shmmni, or use another form of segment")
		}
		return limit("shmall", "raise it with sysctl kernel.shmall (pages), or use smaller pools or another form of segment")
	}
	return refused("sysv "+name, err, "use another form of segment, or allow shmget in the seccomp profile")
}
