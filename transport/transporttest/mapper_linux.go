package transporttest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

var _ = testutil.Helper("transporttest-mapper", runMapper)

// mapper is the process that maps segments, and makes some.
type mapper struct {
	*side
	form SegmentForm
	mem  transport.Segment
}

func runMapper(c *testutil.Child) int {
	m := &mapper{side: linked(c)}
	var err error
	if m.form, err = segmentForm(c.Args[0]); err != nil {
		m.fail(err)
	}
	for {
		word, n := m.command()
		switch word {
		case "open":
			if err := m.open(int(n)); err != nil {
				c.Say("open ", strings.ReplaceAll(err.Error(), "\n", " "))
			} else {
				c.Say("open ok")
			}
		case "sum":
			c.Say("sum ", summary(m.mem.Bytes()))
		case "attack":
			if err := m.attack(); err != nil {
				c.Say("attack ", err)
			} else {
				c.Say("attack refused")
			}
		case "create":
			m.create(int(n))
			c.Say("create")
		case "close":
			m.mem.Close()
			c.Say("close 0")
		}
	}
}

func (m *mapper) open(size int) error {
	buf := make([]byte, 100)
	n, files, err := m.link.Receive(buf)
	if err != nil {
		m.fail(err)
	}
	mem, err := openSent(buf[:n], files, size, m.form)
	if err == nil {
		m.mem = mem
	}
	return err
}

func (m *mapper) create(size int) {
	mem, err := m.form.Create(size)
	if err != nil {
		m.fail(err)
	}
	Fill(mem.Bytes(), 7)
	m.mem = mem
	if err := m.link.Send([]byte{'m'}, []transport.File{mem.File()}); err != nil {
		m.fail(err)
	}
}

// attack tries every way in which a process could write a segment of another one by
// mistake, and says which ones succeed.
func (m *mapper) attack() error {
	b := m.mem.Bytes()
	if writes(b) {
		return errors.New("write its view")
	}
	if unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE) == nil && writes(b) {
		return errors.New("make its view writable")
	}
	if m.mem.File() == nil {
		return nil
	}
	fd := int(m.mem.File().Fd())
	if w, err := unix.Mmap(fd, 0, len(b), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		_ = unix.Munmap(w)
		return errors.New("map the descriptor for writing")
	}
	if _, err := unix.Pwrite(fd, []byte{1}, 0); err == nil {
		return errors.New("write the descriptor")
	}
	for _, size := range []int{0, len(b) / 2, 2 * len(b)} {
		if err := unix.Ftruncate(fd, int64(size)); err == nil {
			return fmt.Errorf("make %d bytes %d", len(b), size)
		}
	}
	if err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, int64(len(b))); err == nil {
		return errors.New("punch a hole")
	}
	return nil
}

// taken returns how many bytes of the file system a file takes.
func taken(t *testing.T, f transport.File) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// writes reports whether a byte can be written.
func writes(b []byte) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { ok = recover() == nil }()
	b[len(b)-1]++
	return true
}
