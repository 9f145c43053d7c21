package shared

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport/internal/sys"
	"github.com/understudy-go/understudy/transport/segment"
)

func yield() { runtime.Gosched() }

func dupFile(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	return os.NewFile(uintptr(fd), f.Name()), err
}

// TestSizeIsFixed: no party can make the memory of another one a fault.
func TestSizeIsFixed(t *testing.T) {
	testutil.Audit(t)
	testutil.FileSize(t, 1<<30) // that is refused first
	p := create(t)
	for _, size := range []int64{0, 1 << 30} {
		if err := p.m.File().Truncate(size); !errors.Is(err, unix.EPERM) {
			t.Errorf("truncate to %d: %v", size, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(p.m.File().Fd()), &st); err != nil || st.Blocks*512 < st.Size {
		t.Errorf("%d bytes of %d are reserved, %v", st.Blocks*512, st.Size, err)
	}
}

// TestOpenRefuses what is not such a memory, and closes it.
func TestOpenRefuses(t *testing.T) {
	testutil.Audit(t)
	memfd := func(size, seals int) *os.File {
		fd, err := sys.Memfd("test", size)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fd), "memfd")
	}
	plain, err := os.Create(filepath.Join(t.TempDir(), "plain"))
	if err != nil {
		t.Fatal(err)
	}
	message, err := segment.Create("test", 1<<14, segment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer message.Close()
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for name, f := range map[string]*os.File{
		"no seals":          memfd(1<<14, 0),
		"one seal":          memfd(1<<14, unix.F_SEAL_SHRINK),
		"empty":             memfd(0, seals),
		"no header":         memfd(1<<14, seals),
		"a file":            plain,
		"a pipe":            pipe,
		"a message segment": dup(t, message.File().(*os.File)),
	} {
		m, err := Open(f)
		if err == nil {
			t.Errorf("%s was accepted", name)
			m.Close()
		} else if name != "a message segment" && !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s was left open: %v", name, err)
		}
	}
}

// TestSizes: what cannot be made is an error with the limit.
func TestSizes(t *testing.T) {
	testutil.Audit(t)
	for _, size := range []int{0, -1, math.MaxInt} {
		var limit *LimitError
		if m, err := Create("test", size); !errors.As(err, &limit) {
			t.Errorf("%d bytes: %v", size, err)
			if err == nil {
				m.Close()
			}
		}
	}
}

// TestParties: numbers are never used again, and a party is dead exactly when
// it has closed.
func TestParties(t *testing.T) {
	testutil.Audit(t)
	p := create(t)
	if d, err := p.m.dead(12345); !d || err != nil {
		t.Error("a party that never was is alive:", err)
	}
	last := p.m.Party()
	for range 5 {
		m, err := Open(dup(t, p.m.File()))
		if err != nil {
			t.Fatal(err)
		}
		if m.Party() <= last {
			t.Errorf("party %d after %d", m.Party(), last)
		}
		last = m.Party()
		if d, err := p.m.dead(last); d || err != nil {
			t.Error("alive, and reported dead:", err)
		}
		if d, err := m.dead(p.m.Party()); d || err != nil {
			t.Error("the creator is alive, and reported dead:", err)
		}
		m.Close()
		if d, err := p.m.dead(last); !d || err != nil {
			t.Error("closed, and not reported dead:", err)
		}
	}
	p.m.head.next.Store(MaxParties)
	var limit *LimitError
	if _, err := Open(dup(t, p.m.File())); !errors.As(err, &limit) {
		t.Error(err)
	}
	// A descriptor that was passed on keeps nobody alive.
	if err := p.m.File().Sync(); err != nil {
		t.Error(err)
	}
}
