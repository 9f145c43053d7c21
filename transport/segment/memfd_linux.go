package segment

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// createMemfd makes a segment of the form "memfd": anonymous, and sealed, so that no
// process can map it for writing again, resize it, or remove a seal.
//
// Memfds have no file system that could be full. If the kernel does not overcommit
// memory (vm.overcommit_memory 2), their pages are reserved here; otherwise only
// Populate takes them.
func createMemfd(name string, size int, opt Options) (*Memory, error) {
	fd, err := sys.Memfd("understudy-"+name, size)
	if err != nil {
		return nil, refused("memfd "+name, err, "use another form of segment, or allow memfd_create in the seccomp profile")
	}
	if promised() {
		if err := sys.Reserve(fd, size); err != nil {
			unix.Close(fd)
			return nil, sys.LimitedMap("segment: reserve memfd "+name, size, err)
		}
	}
	m, err := mapNew(FormMemfd, name, fd, os.NewFile(uintptr(fd), name), size, opt)
	if err != nil {
		return nil, err
	}
	// The order matters: the seal forbids only those mappings for writing that
	// are made after it.
	if err := sys.Seal(fd); err != nil {
		m.Close()
		return nil, fmt.Errorf("segment: seal %s (needs Linux 5.1): %w", name, err)
	}
	return m, nil
}

// promised reports whether the kernel promises no more memory than it has.
var promised = sync.OnceValue(func() bool { return sys.Sysctl("vm/overcommit_memory") == 2 })

// mapNew maps fresh memory for writing. f is what peers will get; it is closed
// when the mapping fails.
func mapNew(form Form, name string, fd int, f *os.File, size int, opt Options) (*Memory, error) {
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		f.Close()
		return nil, sys.LimitedMap("segment: map "+name, size, err)
	}
	m := newMemory(form.String(), mem, f, unix.Munmap)
	if opt.Populate {
		if err := sys.Populate(mem); err != nil {
			m.Close()
			return nil, sys.LimitedMap("segment: populate "+name, size, err)
		}
	}
	return m, nil
}

// refused adds a remedy to an error by which the machine refuses a form altogether. An
// error about a limit has its own.
func refused(what string, err error, remedy string) error {
	err = sys.Limited("segment: create "+what, err)
	if limited(err) {
		return err
	}
	return fmt.Errorf("%w; %s", err, remedy)
}
