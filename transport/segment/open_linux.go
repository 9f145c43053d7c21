package segment

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// create makes a segment of one form. size is in whole pages.
func create(f Form, name string, size int, opt Options) (*Memory, error) {
	switch f {
	case FormMemfd:
		return createMemfd(name, size, opt)
	case FormShm:
		return createShm(name, size, opt)
	case FormSysV:
		return createSysV(name, size, opt)
	case FormFile:
		return createFile(name, size, opt)
	}
	return nil, fmt.Errorf("segment: create %s: %v is no form", name, f)
}

// Open is OpenForm with FormAuto.
func Open(f transport.File, size int) (*Memory, error) { return OpenForm(f, size, FormAuto) }

// OpenForm maps the segment behind f read-only. size comes from the handshake and is
// rounded up as Create does; form is what the owner was told to use. OpenForm takes
// ownership of f, also when it fails.
//
// Anything but memory of that size with the guarantees of that form is refused with a
// *ForeignError before it is mapped, since truncated memory kills whoever reads it.
// Sealed memory is always accepted. A file without seals is accepted only if form says
// so, or if this machine does not allow memfd; it must have no name, no mode and no
// descriptor here by which it could be written.
func OpenForm(f transport.File, size int, form Form) (*Memory, error) {
	return openPeers(f, size, form, false)
}

// openFilled is OpenForm, but also refuses a memfd that lacks memory for some of its
// pages. A read of such a page would allocate it, at the expense of this process and its
// cgroup, or kill this process if there is no memory. A sealed memfd never loses pages.
func openFilled(f transport.File, size int, form Form) (*Memory, error) {
	return openPeers(f, size, form, true)
}

// openPeers implements OpenForm and openFilled.
func openPeers(f transport.File, size int, form Form, filled bool) (*Memory, error) {
	m, err := peek(f, size, form, filled)
	if err != nil {
		sys.Briefly(func() { f.Close() }) // it may be anything
		return nil, err
	}
	file, ok := f.(*os.File)
	if !ok {
		f.Close() // the mapping stays; only an *os.File can be passed on
	}
	m.file.Store(file)
	return m, nil
}

// Peek is OpenForm for a caller that keeps f: the Memory has no File. It needs no
// further descriptor.
func Peek(f transport.File, size int, form Form) (*Memory, error) {
	return peek(f, size, form, false)
}

func peek(f transport.File, size int, form Form, filled bool) (*Memory, error) {
	if size <= 0 {
		return nil, fmt.Errorf("segment: open: %d bytes is not a size", size)
	}
	var mem []byte
	var name Form
	err := sys.FD(f, func(fd int) (err error) {
		mem, name, err = mapPeers(fd, roundUp(size), form, filled)
		return err
	})
	if err != nil {
		return nil, err
	}
	free := unix.Munmap
	if name == FormSysV {
		free = unix.SysvShmDetach
	}
	return newMemory(name.String(), mem, nil, free), nil
}

// mapPeers maps the segment behind a descriptor for reading, and returns its form.
func mapPeers(fd, size int, form Form, filled bool) (mem []byte, is Form, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, form, fmt.Errorf("segment: fstat: %w", err)
	}
	if is, err = check(fd, &st, form); err != nil {
		return nil, is, err
	}
	if id, said, ok := readVoucher(fd, st.Size); ok && vouched(form) {
		mem, err = openVoucher(id, said, size)
		return mem, FormSysV, err
	}
	if st.Size != int64(size) {
		return nil, is, &ForeignError{What: "size", Got: uint64(st.Size), Want: uint64(size)}
	}
	if mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, is, sys.LimitedMap("segment: map a peer's segment", size, err)
	}
	// Checked after the mapping, since an error of mmap says better that there is no room.
	if filled && is == FormMemfd {
		if err := checkFilled(fd, &st); err != nil {
			_ = unix.Munmap(mem)
			return nil, is, err
		}
	}
	return mem, is, nil
}

// checkFilled refuses a memfd that lacks memory for some of its pages. The count of its
// blocks alone does not tell, since it may have some beyond its end.
func checkFilled(fd int, st *unix.Stat_t) error {
	has := st.Blocks * 512
	if has >= st.Size {
		end, err := unix.Seek(fd, 0, unix.SEEK_HOLE) // nobody uses the position
		if err != nil {
			return fmt.Errorf("segment: lseek: %w", err)
		}
		has = end
	}
	if has < st.Size {
		return &ForeignError{What: "reserved bytes", Got: uint64(has), Want: uint64(st.Size)}
	}
	return nil
}

// check refuses a file that is not a segment, and returns the form of one that is. What
// it has seen of a sealed file stays true; what it has seen of another one stays true
// unless a process of the same user changes it on purpose.
func check(fd int, st *unix.Stat_t, form Form) (Form, error) {
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return form, &ForeignError{What: "type", Got: uint64(st.Mode & unix.S_IFMT), Want: unix.S_IFREG}
	}
	seals, err := sys.GetSeals(fd)
	if err != nil {
		seals = 0 // a file that cannot have seals has none
	}
	is := FormMemfd
	if seals&sys.Seals != sys.Seals {
		if seals&^unix.F_SEAL_SEAL != 0 || !unsealed(form) {
			return form, &ForeignError{What: "seals", Got: uint64(seals), Want: sys.Seals}
		}
		if is, err = checkUnsealed(fd, st); err != nil {
			return form, err
		}
		return is, nil
	}
	// Huge pages can be sealed, too, but come from another account, and a read may find
	// none.
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return form, fmt.Errorf("segment: fstatfs: %w", err)
	}
	if fs.Type != unix.TMPFS_MAGIC {
		return form, &ForeignError{What: "file system", Got: uint64(fs.Type), Want: unix.TMPFS_MAGIC}
	}
	return is, nil
}

// checkUnsealed refuses a file that could be written or truncated by mistake.
func checkUnsealed(fd int, st *unix.Stat_t) (Form, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return 0, fmt.Errorf("segment: fcntl: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, fmt.Errorf("segment: fstatfs: %w", err)
	}
	is := FormFile
	if fs.Type == unix.TMPFS_MAGIC {
		is = FormShm // or a file on any tmpfs, for which the same check of reserved space matters
	}
	switch {
	case flags&unix.O_ACCMODE != unix.O_RDONLY:
		return 0, &ForeignError{What: "access mode", Got: uint64(flags & unix.O_ACCMODE), Want: unix.O_RDONLY}
	case st.Mode&0o222 != 0:
		return 0, &ForeignError{What: "mode", Got: uint64(st.Mode & 0o777), Want: 0o400}
	case st.Nlink != 0:
		return 0, &ForeignError{What: "count of names", Got: uint64(st.Nlink)}
	case is == FormShm && st.Blocks*512 < st.Size:
		return 0, &ForeignError{What: "reserved bytes", Got: uint64(st.Blocks * 512), Want: uint64(st.Size)}
	}
	return is, nil
}
