package segment

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
	"github.com/understudy-go/understudy/transport/sock"
)

// dup is a descriptor of the same file, for an Open that takes it.
func dup(t testing.TB, f transport.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "dup")
}

// TestSeals: the kernel refuses everything by which a peer, or a successor,
// could write the memory or pull it away.
func TestSeals(t *testing.T) {
	testutil.Audit(t)
	m, err := Create("test", 5000, Options{Form: FormMemfd, Populate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	size := len(m.Bytes())
	if size < 5000 || size%os.Getpagesize() != 0 || m.Form() != "memfd" {
		t.Fatalf("%d bytes of %s", size, m.Form())
	}
	m.Bytes()[0] = 1 // the creator's own mapping stays writable
	fd := int(m.File().Fd())
	if _, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != unix.EPERM {
		t.Errorf("mapping for writing: %v", err)
	}
	if err := unix.Ftruncate(fd, 0); err != unix.EPERM {
		t.Errorf("shrinking: %v", err)
	}
	if err := unix.Ftruncate(fd, int64(2*size)); err != unix.EPERM {
		t.Errorf("growing: %v", err)
	}
	if _, err := unix.Pwrite(fd, []byte{9}, 0); err != unix.EPERM {
		t.Errorf("write: %v", err)
	}
	if err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, int64(size)); err != unix.EPERM {
		t.Errorf("punching a hole: %v", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err != unix.EPERM {
		t.Errorf("another seal: %v", err)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("not close-on-exec: %#x %v", flags, err)
	}
	r, err := Open(dup(t, m.File()), 5000)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mprotect(r.Bytes(), unix.PROT_READ|unix.PROT_WRITE); err != unix.EACCES {
		t.Errorf("making a mapping writable: %v", err)
	}
	m.Bytes()[size-1] = 42
	if r.Bytes()[size-1] != 42 {
		t.Error("not the same memory")
	}
	if err := errors.Join(r.CloseFile(), r.CloseFile()); err != nil || r.File() != nil {
		t.Errorf("CloseFile: %v, %v", err, r.File())
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
}

// TestPopulate: populated memory is in memory.
func TestPopulate(t *testing.T) {
	for _, populate := range []bool{false, true} {
		m, err := Create("test", 1<<20, Options{Form: FormMemfd, Populate: populate})
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(m.File().Fd()), &st); err != nil {
			t.Fatal(err)
		}
		if got := st.Blocks * 512; populate && got < 1<<20 || !populate && got != 0 {
			t.Errorf("populate %v: %d bytes in memory", populate, got)
		}
		m.Close()
	}
}

// foreign is a descriptor that is not one of ours, and why.
type foreign struct {
	what, name string
	make       func() (*os.File, error)
}

// foreignMemfds are memfds that are almost right.
func foreignMemfds() []foreign {
	memfd := func(flags, size, seals int) func() (*os.File, error) {
		return func() (*os.File, error) {
			fd, err := unix.MemfdCreate("foreign", unix.MFD_CLOEXEC|flags)
			if err != nil {
				return nil, err
			}
			f := os.NewFile(uintptr(fd), "foreign")
			if err := unix.Ftruncate(fd, int64(size)); err != nil {
				return f, err
			}
			if seals != 0 {
				_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
			}
			return f, err
		}
	}
	const all, allow = sys.Seals, unix.MFD_ALLOW_SEALING
	return []foreign{
		{"unsealed memfd", "seals", memfd(allow, 8192, 0)},
		{"memfd without sealing", "seals", memfd(0, 8192, 0)},
		{"no shrink seal", "seals", memfd(allow, 8192, all&^unix.F_SEAL_SHRINK)},
		{"no grow seal", "seals", memfd(allow, 8192, all&^unix.F_SEAL_GROW)},
		{"no future-write seal", "seals", memfd(allow, 8192, all&^unix.F_SEAL_FUTURE_WRITE)},
		{"no seal seal", "seals", memfd(allow, 8192, all&^unix.F_SEAL_SEAL)},
		{"too small", "size", memfd(allow, 4096, all)},
		{"too large", "size", memfd(allow, 12288, all)},
		{"not whole pages", "size", memfd(allow, 8191, all)},
		{"empty", "size", memfd(allow, 0, all)},
		{"huge pages", "file system", memfd(allow|unix.MFD_HUGETLB, 1<<30, all)},
	}
}

// foreignFiles are all kinds of other files.
func foreignFiles(t *testing.T) []foreign {
	path := func(p string) func() (*os.File, error) {
		return func() (*os.File, error) { return os.Open(p) }
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	return []foreign{
		{"regular file", "seals", path(plain)},
		{"directory", "type", path(t.TempDir())},
		{"/dev/zero", "type", path("/dev/zero")},
		{"pipe", "type", func() (*os.File, error) {
			r, w, err := os.Pipe()
			w.Close()
			return r, err
		}},
		{"socket", "type", func() (*os.File, error) {
			a, b, err := sock.Pair()
			b.Close()
			return a, err
		}},
	}
}

// TestForeign: every descriptor that is not one of ours is refused before it
// is mapped, and closed.
func TestForeign(t *testing.T) {
	testutil.Audit(t)
	for _, c := range append(foreignMemfds(), foreignFiles(t)...) {
		f, err := c.make()
		if err != nil && c.name == "file system" {
			t.Logf("%s: %v", c.what, err) // not every kernel has them
			f.Close()
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			f.Close()
			continue
		}
		m, err := OpenForm(f, 8192, FormMemfd)
		if e := (*ForeignError)(nil); !errors.As(err, &e) || e.What != c.name || m != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: the descriptor was not closed", c.what)
		}
	}
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := Open(f, 8192); err == nil {
		t.Error("a closed file was opened")
	}
}

// TestOutOfDescriptors: the error names the limit, its value and a remedy.
func TestOutOfDescriptors(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	// Descriptors below the limit may be free; use them up.
	var files []*os.File
	defer func() {
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
		for _, f := range files {
			f.Close()
		}
	}()
	low := old
	low.Cur = 4
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Skip("cannot lower the limit:", err)
	}
	var err error
	for err == nil {
		var m *Memory
		if m, err = Create("test", 1, Options{}); err == nil {
			files = append(files, dupOrNil(m))
			m.Close()
		}
	}
	e := (*transport.LimitError)(nil)
	if !errors.As(err, &e) || e.Limit != "RLIMIT_NOFILE" || e.Value != 4 || !errors.Is(err, unix.EMFILE) || e.Remedy == "" {
		t.Errorf("%v", err)
	}
}

func dupOrNil(m *Memory) *os.File {
	fd, err := unix.Dup(int(m.File().Fd()))
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "dup")
}

// TestViewsAdd: what Add refuses leaves nothing open or mapped.
func TestViewsAdd(t *testing.T) {
	testutil.Audit(t)
	m, err := Create("test", 1<<20, Options{Populate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	v := Views{MaxBytes: 2 << 20}
	add := func(id uint16, size, class, blocks int) error {
		return v.Add(id, dup(t, m.File()), size, class, blocks)
	}
	if err := add(0, 1<<20, 4096, 248); err != nil {
		t.Fatal(err)
	}
	corrupt := (*transport.CorruptError)(nil)
	if err := add(0, 1<<20, 4096, 248); !errors.As(err, &corrupt) {
		t.Errorf("id used twice: %v", err)
	}
	if err := add(1, 1<<20, 4096, 249); !errors.As(err, &corrupt) {
		t.Errorf("blocks beyond the end: %v", err)
	}
	if err := add(1, 2<<20, 4096, 248); err == nil {
		t.Error("a size that is not the file's")
	}
	if err := add(1, 1<<20, 1<<20, 1); err != nil {
		t.Error(err)
	}
	if err := add(2, 1<<20, 1<<20, 1); !errors.As(err, &corrupt) {
		t.Errorf("over MaxBytes: %v", err)
	}
	if err := v.Drop(1); err != nil {
		t.Error(err)
	}
	if err := add(2, 1<<20, 1<<20, 1); err != nil {
		t.Errorf("after Drop: %v", err)
	}
	v.Close()
	if err := add(3, 1<<20, 4096, 1); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestViewsAddHole: a segment whose pages are not there is not mapped: each would be made
// when it is read, on the account of who reads it.
func TestViewsAddHole(t *testing.T) {
	testutil.Audit(t)
	for _, form := range []Form{FormMemfd, FormShm, FormFile} {
		if err := probe(form); err != nil {
			t.Log(err)
			continue
		}
		m, err := Create("hole", 1<<20, Options{Form: form})
		if err != nil {
			t.Fatal(err)
		}
		v := Views{Form: form}
		err = v.Add(0, dup(t, m.File()), 1<<20, 4096, 200)
		foreign := (*ForeignError)(nil)
		if refused := errors.As(err, &foreign) && foreign.What == "reserved bytes" && foreign.Want == 1<<20; refused != (form == FormMemfd) {
			t.Errorf("%v: %v", form, err) // files have room reserved
		}
		if err := sys.Populate(m.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := v.Add(1, dup(t, m.File()), 1<<20, 4096, 200); err != nil {
			t.Errorf("%v: %v", form, err)
		}
		v.Close()
		m.Close()
	}
}

// TestViewsAddBeyond: memory beyond the end of a segment does not make up for a hole.
func TestViewsAddBeyond(t *testing.T) {
	testutil.Audit(t)
	const size = 1 << 20
	fd, err := sys.Memfd("beyond", size)
	if err != nil {
		t.Skip(err)
	}
	f := os.NewFile(uintptr(fd), "beyond")
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := sys.Populate(mem[4096:]); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, size, 4096); err != nil {
		t.Fatal(err)
	}
	if err := sys.Seal(fd); err != nil {
		t.Fatal(err)
	}
	v := Views{Form: FormMemfd}
	defer v.Close()
	foreign := (*ForeignError)(nil)
	if err := v.Add(0, f, size, 4096, 200); !errors.As(err, &foreign) || foreign.What != "reserved bytes" || foreign.Got != 0 {
		t.Errorf("the first page has no memory, and one was found beyond the end: %v", err)
	}
}

// TestAnonymous: a segment has no name in any file system.
func TestAnonymous(t *testing.T) {
	m, err := Create("anonymous", 1, Options{Form: FormMemfd})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(m.File().Fd()), &st); err != nil || st.Nlink != 0 {
		t.Errorf("%d links, %v", st.Nlink, err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err == nil && !bytes.Contains(maps, []byte("memfd:understudy-anonymous")) {
		t.Error("the name is not in /proc/self/maps")
	}
}

func BenchmarkViewRelease(b *testing.B) {
	m, err := Create("bench", 64<<10, Options{Populate: true})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	var v Views
	defer v.Close()
	if err := v.Add(0, dup(b, m.File()), 64<<10, 4096, 15); err != nil {
		b.Fatal(err)
	}
	r := newReturns()
	ref := BlockRef{Length: 1000}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.View(ref); err != nil {
			b.Fatal(err)
		}
		v.Release(r, ref)
	}
}

// BenchmarkCreate is what reuse saves: a fresh, populated segment of 1 MiB.
func BenchmarkCreate(b *testing.B) {
	b.SetBytes(1 << 20)
	for b.Loop() {
		m, err := Create("bench", 1<<20, Options{Populate: true})
		if err != nil {
			b.Fatal(err)
		}
		m.Close()
	}
}

// TestViewsComeAndGo: a user who maps segments and gives them back has the bounds
// that he had, and no descriptor of any.
func TestViewsComeAndGo(t *testing.T) {
	testutil.Audit(t)
	var v Views
	v.MaxBytes = 1 << 20
	defer v.Close()
	m, err := Create("test", 64<<10, Options{Populate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for i := range 2 * MaxViewSegments {
		if err := v.Add(uint16(i), dup(t, m.File()), 64<<10, 4096, 15); err != nil {
			t.Fatalf("segment %d: %v", i, err)
		}
		if f := v.find(uint16(i)).mem.File(); f != nil {
			t.Fatalf("segment %d keeps its descriptor", i)
		}
		if err := v.Drop(uint16(i)); err != nil {
			t.Fatalf("segment %d: %v", i, err)
		}
	}
}
