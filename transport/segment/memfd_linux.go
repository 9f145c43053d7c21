package segment

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Create makes a segment of size bytes, rounded up to whole pages, in the form
// "memfd": zeroed, mapped for writing here, and then sealed so that no process
// can map it for writing again, resize it, or take a seal off. The name is for
// people who read /proc/PID/maps. Where the machine refuses, the error is a
// *transport.LimitError.
func Create(name string, size int, opt Options) (*Memory, error) {
	if size <= 0 {
		return nil, fmt.Errorf("segment: create %s: %d bytes is not a size", name, size)
	}
	size = roundUp(size)
	fd, err := sys.Memfd("understudy-"+name, size)
	if err != nil {
		return nil, sys.Limited("segment: create "+name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		f.Close()
		return nil, sys.Limited("segment: map "+name, err)
	}
	m := newMemory("memfd", mem, f, unix.Munmap)
	// The order matters: the seal forbids all mappings for writing that come
	// after it, and none before.
	if err := sys.Seal(fd); err != nil {
		m.Close()
		return nil, fmt.Errorf("segment: seal %s (needs Linux 5.1): %w", name, err)
	}
	if opt.Populate {
		if err := sys.Populate(mem); err != nil {
			m.Close()
			return nil, sys.Limited("segment: populate "+name, err)
		}
	}
	return m, nil
}

// Open maps the segment behind f read-only. size is what the handshake said,
// rounded up as Create does. It takes f, also when it fails. Anything but a
// sealed segment of exactly that size is refused with a *ForeignError before
// it is mapped, since memory that a peer can shrink kills who reads it.
func Open(f transport.File, size int) (*Memory, error) {
	if size <= 0 {
		f.Close()
		return nil, fmt.Errorf("segment: open: %d bytes is not a size", size)
	}
	size = roundUp(size)
	var mem []byte
	err := sys.FD(f, func(fd int) (err error) {
		if err = check(fd, size); err != nil {
			return err
		}
		mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED)
		return sys.Limited("segment: map a peer's segment", err)
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	file, ok := f.(*os.File)
	if !ok {
		f.Close() // the mapping stays; only an *os.File can be handed on
	}
	return newMemory("memfd", mem, file, unix.Munmap), nil
}

// check refuses what is not a sealed segment of size bytes. What it has seen
// stays true: a sealed file keeps its size and its seals.
func check(fd, size int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("segment: fstat: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return &ForeignError{What: "type", Got: uint64(st.Mode & unix.S_IFMT), Want: unix.S_IFREG}
	}
	seals, err := sys.GetSeals(fd)
	if err != nil {
		seals = 0 // a file that cannot have seals has none
	}
	if seals&sys.Seals != sys.Seals {
		return &ForeignError{What: "seals", Got: uint64(seals), Want: sys.Seals}
	}
	if st.Size != int64(size) {
		return &ForeignError{What: "size", Got: uint64(st.Size), Want: uint64(size)}
	}
	return nil
}
