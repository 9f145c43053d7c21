package shared

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// seals fix the size of a memory for ever, so that no party can make the access of
// another a fault. Unlike a message segment, it stays writable for all.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// Create makes a zeroed memory of size bytes, rounded up to whole pages, reserves its
// space, and makes this process its first party. The name is for people who read
// /proc/PID/maps. If the machine refuses, the error is a *transport.LimitError that
// says which limit was reached, and what to do.
func Create(name string, size int) (*Memory, error) {
	if size <= 0 || int64(size) > MaxBytes-1<<20 {
		return nil, &LimitError{What: "bytes of " + name, Got: uint64(size), Limit: MaxBytes - 1<<20}
	}
	page := os.Getpagesize()
	total := (HeaderBytes + size + page - 1) &^ (page - 1)
	fd, err := sys.Memfd("understudy-shared-"+name, total)
	switch err {
	case nil:
	case unix.EPERM, unix.EACCES, unix.ENOSYS:
		// There is nothing to fall back on: no other memory can be sealed, and
		// without seals any party could truncate the memory under the others.
		return nil, &transport.LimitError{Op: "shared: create " + name, Limit: "memfd_create allowed to this process", Value: 0,
			Remedy: "allow memfd_create in the seccomp profile of the container or service", Err: err}
	default:
		return nil, sys.Limited("shared: create "+name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	// Reserved here, so that a lack of memory is an error here and not a fault later.
	if err := sys.Reserve(fd, total); err != nil {
		f.Close()
		return nil, sys.LimitedMap(fmt.Sprintf("shared: reserve %d bytes for %s", total, name), total, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("shared: seal %s: %w", name, err)
	}
	m, err := mapped(f, total)
	if err != nil {
		f.Close()
		return nil, err
	}
	m.head.magic, m.head.version, m.head.size = magic, version, uint64(total)
	return join(m)
}

// Open maps the memory behind f, which another process has created, and makes this
// process a party of it. It takes ownership of f, also when it fails. Anything but a
// memory of sealed size is refused with ErrForeign before it is mapped.
func Open(f *os.File) (*Memory, error) {
	m, err := open(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return join(m)
}

func open(f *os.File) (m *Memory, err error) {
	var st unix.Stat_t
	err = sys.FD(f, func(fd int) error {
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("shared: fstat: %w", err)
		}
		if got, err := sys.GetSeals(fd); err != nil || got&seals != seals {
			return fmt.Errorf("%w: seals %#x where %#x are required", ErrForeign, max(got, 0), seals)
		}
		if st.Size <= HeaderBytes || st.Size > MaxBytes || st.Size != int64(int(st.Size)) {
			return fmt.Errorf("%w: %d bytes", ErrForeign, st.Size)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if m, err = mapped(f, int(st.Size)); err != nil {
		return nil, err
	}
	if h := m.head; h.magic != magic || h.version != version || h.size != uint64(st.Size) {
		err = fmt.Errorf("%w: magic %#x, version %d, %d bytes; want %#x, %d, %d", ErrForeign, h.magic, h.version, h.size,
			uint64(magic), version, st.Size)
		_ = unix.Munmap(m.mem)
		return nil, err
	}
	return m, nil
}

// mapped maps the memory behind f.
func mapped(f *os.File, size int) (m *Memory, err error) {
	m = &Memory{file: f, handles: make(map[any]any)}
	err = sys.FD(f, func(fd int) (err error) {
		m.mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return sys.LimitedMap("shared: map", size, err)
	})
	if err != nil {
		return nil, err
	}
	m.head = headerOf(m.mem)
	return m, nil
}

// join draws a party number and takes the lock that says that this party lives. The
// lock belongs to an open file, and must belong to one that no other process has, so
// join opens the file anew. It closes m when it fails.
func join(m *Memory) (*Memory, error) {
	err := sys.FD(m.file, func(fd int) (err error) {
		m.alive, err = os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDWR, 0)
		return err
	})
	if err != nil {
		m.Close()
		var errno unix.Errno
		if errors.As(err, &errno) && (errno == unix.EMFILE || errno == unix.ENFILE) {
			err = errno
		}
		return nil, fmt.Errorf("shared: open the memory's file once more, which needs /proc: %w", sys.Limited("open", err))
	}
	if m.party = m.head.next.Add(1); m.party > MaxParties {
		m.head.next.Store(MaxParties)
		m.Close()
		return nil, &LimitError{What: "parties of one memory, ever", Got: MaxParties + 1, Limit: MaxParties}
	}
	lock := flock(m.party)
	if err := sys.FD(m.alive, func(fd int) error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock) }); err != nil {
		m.Close()
		return nil, fmt.Errorf("shared: lock of party %d (F_OFD_SETLK, needs Linux 3.15): %w", m.party, err)
	}
	m.head.pids[m.party%pidEntries].Store(uint64(m.party)<<32 | uint64(uint32(os.Getpid())))
	return m, nil
}

// flock returns the lock on the byte of a party.
func flock(party uint32) unix.Flock_t {
	return unix.Flock_t{Type: unix.F_WRLCK, Whence: 0, Start: int64(party), Len: 1}
}

// dead reports whether a party has ended: its lock is gone.
func (m *Memory) dead(party uint32) (bool, error) {
	if party == m.party {
		return false, nil // the kernel does not report a lock to its owner
	}
	lock := flock(party)
	err := sys.FD(m.alive, func(fd int) error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock) })
	if err != nil {
		return false, fmt.Errorf("shared: is party %d alive: %w", party, err)
	}
	return lock.Type == unix.F_UNLCK, nil
}

// Close unmaps the memory and ends this party; whatever it still holds counts as held
// by a dead owner. No goroutine may use the memory, a view, a word or a handle any more:
// an access to unmapped memory is a fault that ends the process. Close may be called
// again.
func (m *Memory) Close() error {
	if m.mem == nil {
		return nil
	}
	err := unix.Munmap(m.mem)
	m.mem, m.head = nil, nil
	if m.alive != nil {
		err = errors.Join(err, m.alive.Close())
	}
	return errors.Join(err, m.file.Close())
}
