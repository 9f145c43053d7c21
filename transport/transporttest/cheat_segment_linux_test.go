package transporttest_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/transporttest"
)

// segmentCheats are forms of segment that break one rule each, and the case of
// the suite that must see it.
var segmentCheats = []struct {
	seen string // "" : an honest one
	form transporttest.SegmentForm
}{
	{"", transporttest.SegmentForm{Name: "honest segment",
		Create: func(size int) (transport.Segment, error) {
			return segment.Create("honest", size, segment.Options{Form: segment.FormMemfd})
		},
		Open: openHonestly}},
	// A file without a name whose pages are taken when they are written: when
	// there are none left, that is SIGBUS.
	{"space", transporttest.SegmentForm{Name: "takes no space", Disk: true,
		Create: func(size int) (transport.Segment, error) {
			fd, err := unix.Open("/dev/shm", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
			if err == nil {
				err = unix.Ftruncate(fd, wholePages(size))
			}
			return mapped(fd, size, unix.PROT_READ|unix.PROT_WRITE, err)
		},
		Open: openRoughly}},
	{"names", transporttest.SegmentForm{Name: "leaks a name",
		Create: func(size int) (transport.Segment, error) {
			name := fmt.Sprintf("/dev/shm/understudy-cheat-%d", os.Getpid())
			fd, err := unix.Open(name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
			if err == nil {
				err = unix.Fallocate(fd, 0, 0, wholePages(size))
			}
			m, err := mapped(fd, size, unix.PROT_READ|unix.PROT_WRITE, err)
			if err == nil { // it is there as long as the memory is in use
				m.(*rough).last = func(*os.File) { os.Remove(name) }
			}
			return m, err
		},
		Open: openRoughly}},
	// The other process gets the bytes of the moment, and not the memory.
	{"sizes", transporttest.SegmentForm{Name: "another memory",
		Create: createRoughly(sealed),
		Open: func(f transport.File, size int) (transport.Segment, error) {
			m, err := openHonestly(f, size)
			if err != nil {
				return nil, err
			}
			defer m.Close()
			return &rough{mem: append([]byte(nil), m.Bytes()...)}, nil
		}}},
	{"sizes", transporttest.SegmentForm{Name: "not zero at first",
		Create: func(size int) (transport.Segment, error) {
			m, err := createRoughly(sealed)(size)
			if err == nil {
				m.Bytes()[size-1] = 1
			}
			return m, err
		},
		Open: openHonestly}},
	{"read_only", transporttest.SegmentForm{Name: "can be written",
		Create: createRoughly(0),
		Open:   openRoughly}},
	{"read_only", transporttest.SegmentForm{Name: "can be resized",
		Create: createRoughly(unix.F_SEAL_FUTURE_WRITE), Open: openRoughly}},
	{"wrong_size", transporttest.SegmentForm{Name: "has any size",
		Create: createRoughly(sealed), Open: openRoughly}},
	{"owner_closes", transporttest.SegmentForm{Name: "goes with its owner",
		Create: func(size int) (transport.Segment, error) {
			m, err := createRoughly(0)(size)
			if err == nil {
				m.(*rough).last = func(f *os.File) { _ = f.Truncate(0) }
			}
			return m, err
		},
		Open: openRoughly}},
}

const sealed = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL

func init() {
	for _, c := range segmentCheats {
		transporttest.ExtendSegments(c.form)
	}
}

// TestSegmentCheat runs the suite over a cheater, in a process of its own.
func TestSegmentCheat(t *testing.T) {
	for _, c := range segmentCheats {
		if os.Getenv(cheatVar) == c.form.Name {
			transporttest.Segment(t, c.form.Name)
		}
	}
}

// TestSegmentCheatersFail: the suite sees each cheat, by the case that is about
// it.
func TestSegmentCheatersFail(t *testing.T) {
	for _, c := range segmentCheats {
		t.Run(c.form.Name, func(t *testing.T) { seesCheat(t, "TestSegmentCheat", c.form.Name, c.seen, ".") })
	}
}

// rough is a segment without any care.
type rough struct {
	mem  []byte
	f    *os.File
	last func(*os.File) // before it is closed
}

func (r *rough) Bytes() []byte { return r.mem }

func (r *rough) File() transport.File {
	if r.f == nil {
		return nil
	}
	return r.f
}

func (r *rough) Close() error {
	if r.f == nil {
		return nil
	}
	if r.last != nil {
		r.last(r.f)
	}
	err := errors.Join(unix.Munmap(r.mem), r.f.Close())
	r.f = nil
	return err
}

func wholePages(size int) int64 {
	page := os.Getpagesize()
	return int64((size + page - 1) / page * page)
}

// mapped maps the file fd.
func mapped(fd, size, prot int, err error) (transport.Segment, error) {
	if err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(fd, 0, int(wholePages(size)), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &rough{mem: mem, f: os.NewFile(uintptr(fd), "rough")}, nil
}

// createRoughly makes a memfd with some seals, or none.
func createRoughly(seals int) func(size int) (transport.Segment, error) {
	return func(size int) (transport.Segment, error) {
		fd, err := unix.MemfdCreate("rough", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err == nil {
			err = unix.Ftruncate(fd, wholePages(size))
		}
		m, err := mapped(fd, size, unix.PROT_READ|unix.PROT_WRITE, err)
		if err == nil && seals != 0 {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
		}
		return m, err
	}
}

// openRoughly maps whatever comes, for writing if that is possible.
func openRoughly(f transport.File, size int) (transport.Segment, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	m, err := mapped(fd, size, unix.PROT_READ|unix.PROT_WRITE, err)
	if err != nil {
		m, err = mapped(fd, size, unix.PROT_READ, nil)
	}
	return m, err
}

func openHonestly(f transport.File, size int) (transport.Segment, error) {
	m, err := segment.Open(f, int(wholePages(size)))
	if err != nil {
		return nil, err
	}
	return m, nil
}
