package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
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
	m, err := Create("test", 5000, Options{Populate: true})
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
		m, err := Create("test", 1<<20, Options{Populate: populate})
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

// TestForeign: every descriptor that is not one of ours is refused before it
// is mapped, and closed.
func TestForeign(t *testing.T) {
	testutil.Audit(t)
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
	path := func(p string) func() (*os.File, error) {
		return func() (*os.File, error) { return os.Open(p) }
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	all := sys.Seals
	cases := []struct {
		what, name string
		make       func() (*os.File, error)
	}{
		{"unsealed memfd", "seals", memfd(unix.MFD_ALLOW_SEALING, 8192, 0)},
		{"memfd without sealing", "seals", memfd(0, 8192, 0)},
		{"no shrink seal", "seals", memfd(unix.MFD_ALLOW_SEALING, 8192, all&^unix.F_SEAL_SHRINK)},
		{"no grow seal", "seals", memfd(unix.MFD_ALLOW_SEALING, 8192, all&^unix.F_SEAL_GROW)},
		{"no future-write seal", "seals", memfd(unix.MFD_ALLOW_SEALING, 8192, all&^unix.F_SEAL_FUTURE_WRITE)},
		{"no seal seal", "seals", memfd(unix.MFD_ALLOW_SEALING, 8192, all&^unix.F_SEAL_SEAL)},
		{"too small", "size", memfd(unix.MFD_ALLOW_SEALING, 4096, all)},
		{"too large", "size", memfd(unix.MFD_ALLOW_SEALING, 12288, all)},
		{"not whole pages", "size", memfd(unix.MFD_ALLOW_SEALING, 8191, all)},
		{"empty", "size", memfd(unix.MFD_ALLOW_SEALING, 0, all)},
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
	for _, c := range cases {
		f, err := c.make()
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			f.Close()
			continue
		}
		m, err := Open(f, 8192)
		if e := (*ForeignError)(nil); !errors.As(err, &e) || e.What != c.name || m != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: the descriptor was not closed", c.what)
		}
	}
	f, err := memfd(unix.MFD_ALLOW_SEALING, 8192, all)()
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
	low := old
	low.Cur = 4
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Skip("cannot lower the limit:", err)
	}
	// Descriptors below the limit may be free; use them up.
	var files []*os.File
	var err error
	for err == nil {
		var m *Memory
		if m, err = Create("test", 1, Options{}); err == nil {
			files = append(files, dupOrNil(m))
			m.Close()
		}
	}
	if e := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); e != nil {
		t.Fatal(e)
	}
	for _, f := range files {
		f.Close()
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
	m, err := Create("test", 1<<20, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	v := Views{MaxBytes: 2 << 20}
	add := func(id uint16, size, class, blocks int) error {
		return v.Add(id, dup(t, m.File()), size, class, blocks)
	}
	if err := add(0, 1<<20, 4096, 256); err != nil {
		t.Fatal(err)
	}
	corrupt := (*transport.CorruptError)(nil)
	if err := add(0, 1<<20, 4096, 256); !errors.As(err, &corrupt) {
		t.Errorf("id used twice: %v", err)
	}
	if err := add(1, 1<<20, 4096, 257); !errors.As(err, &corrupt) {
		t.Errorf("blocks beyond the end: %v", err)
	}
	if err := add(1, 2<<20, 4096, 256); err == nil {
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

var _ = helper("user", user)

// The frames of the test's own protocol: 's' announces a segment, 'r' retires
// one, 'b' names a block and the check sum of its bytes, 'p' is the user's page.
func user(c *testutil.Child) error {
	l, err := sock.New(c.File(0))
	if err != nil {
		return err
	}
	mem, err := Create("page", transport.RecvPageBytes, Options{})
	if err != nil {
		return err
	}
	page, err := transport.NewRecvPage(mem.Bytes())
	if err != nil {
		return err
	}
	if err := l.Send([]byte{'p'}, []transport.File{mem.File()}); err != nil {
		return err
	}
	var views Views
	buf := make([]byte, 4096)
	for {
		n, files, err := l.Receive(buf)
		if err == io.EOF {
			views.Close()
			return nil
		}
		if err != nil {
			return err
		}
		switch f := buf[1:n]; buf[0] {
		case 's':
			num := func(i int) int { return int(binary.LittleEndian.Uint64(f[i*8:])) }
			err = views.Add(uint16(num(0)), files[0], num(1), num(2), num(3))
		case 'r':
			err = views.Drop(binary.LittleEndian.Uint16(f))
		case 'b':
			err = look(&views, page.Returns, ParseBlockRef(f), binary.LittleEndian.Uint32(f[BlockRefBytes:]))
			if err == nil {
				err = l.Send([]byte{'k'}, nil)
			}
		case 'w':
			err = tryToWrite(&views, ParseBlockRef(f))
			if err == nil {
				err = l.Send([]byte{'k'}, nil)
			}
		}
		if err != nil {
			return err
		}
	}
}

func look(v *Views, r transport.Returns, ref BlockRef, sum uint32) error {
	b, err := v.View(ref)
	if err != nil {
		return err
	}
	if got := crc32.ChecksumIEEE(b); got != sum {
		return fmt.Errorf("block %+v: check sum %#x, want %#x", ref, got, sum)
	}
	v.Release(r, ref)
	return nil
}

// tryToWrite writes a view, which must fault.
func tryToWrite(v *Views, ref BlockRef) (err error) {
	b, err := v.View(ref)
	if err != nil {
		return err
	}
	defer v.Forget(ref)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil {
			err = errors.New("a peer wrote a segment")
		}
	}()
	b[0] = 1
	return nil
}

// peer is the owner's end towards one incarnation of the user.
type peer struct {
	t    *testing.T
	l    transport.Link
	page *transport.RecvPage
	mem  *Memory
	kill func()
}

func startUser(t *testing.T) *peer {
	a, b, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := sock.New(a)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, "user", b)
	b.Close()
	p := &peer{t: t, l: l}
	killed := false
	p.kill = func() {
		killed = true
		c.Kill()
		c.Wait()
	}
	buf := make([]byte, 100)
	_, files, err := l.Receive(buf)
	if err != nil || len(files) != 1 {
		t.Fatalf("no page: %v", err)
	}
	if p.mem, err = Open(files[0], transport.RecvPageBytes); err != nil {
		t.Fatal(err)
	}
	if p.page, err = transport.OpenRecvPage(p.mem.Bytes()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if !killed {
			ended(t, c)
		}
		p.mem.Close()
	})
	return p
}

func (p *peer) announce(id uint16, f transport.File, size, class, blocks int) error {
	m := []byte{'s'}
	for _, v := range []int{int(id), size, class, blocks} {
		m = binary.LittleEndian.AppendUint64(m, uint64(v))
	}
	return p.l.Send(m, []transport.File{f})
}

func (p *peer) name(kind byte, b Block) {
	p.t.Helper()
	m := make([]byte, 1+BlockRefBytes+4)
	m[0] = kind
	b.Ref.Put(m[1:])
	binary.LittleEndian.PutUint32(m[1+BlockRefBytes:], crc32.ChecksumIEEE(b.Mem))
	if err := p.l.Send(m, nil); err != nil {
		p.t.Fatal(err)
	}
}

// ack waits until the user has dealt with one block.
func (p *peer) ack() {
	p.t.Helper()
	buf := make([]byte, 10)
	if _, _, err := p.l.Receive(buf); err != nil {
		p.t.Fatalf("user has ended: %v", err)
	}
}

// TestTwoProcesses lends blocks of all sizes to another process, which checks
// every byte and gives them back; kills it while it holds some; and goes on
// with its successor.
func TestTwoProcesses(t *testing.T) {
	testutil.Audit(t)
	type seg struct {
		f                   *os.File
		size, class, blocks int
	}
	segs := map[uint16]seg{}
	u := startUser(t)
	retired := 0
	pool := NewPool(PoolConfig{MaxBytes: 16 << 20, Announce: func(id uint16, f transport.File, size, class, blocks int) error {
		segs[id] = seg{dup(t, f), size, class, blocks} // the supervisor's hold
		return u.announce(id, f, size, class, blocks)
	}, Retire: func(id uint16) error {
		retired++
		segs[id].f.Close()
		delete(segs, id)
		return u.l.Send(binary.LittleEndian.AppendUint16([]byte{'r'}, id), nil)
	}})
	pool.Switch(u.page.Returns, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	seq := uint64(0)
	lend := func() Block {
		b, err := pool.Take(rng.IntN(1 << (8 + rng.IntN(14))))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+8 <= len(b.Mem); i += 8 {
			binary.LittleEndian.PutUint64(b.Mem[i:], rng.Uint64())
		}
		pool.Lent(b, seq)
		seq++
		return b
	}
	roundTrips := func(n int) {
		t.Helper()
		for range n {
			u.name('b', lend())
			u.ack()
			if pool.Collect() != 1 {
				t.Fatal("the block did not come back")
			}
		}
	}
	roundTrips(300)
	b := lend()
	u.name('w', b)
	u.ack()

	// Four more are out when the user dies; the successor handles from the
	// third of them on.
	var out []Block
	for range 4 {
		out = append(out, lend())
	}
	u.kill()
	if got := pool.Stats(); got.Lent != 5 {
		t.Fatalf("%+v", got)
	}
	u = startUser(t)
	for id, s := range segs {
		if err := u.announce(id, s.f, s.size, s.class, s.blocks); err != nil {
			t.Fatal(err)
		}
	}
	if n := pool.Switch(u.page.Returns, seq-2); n != 3 {
		t.Errorf("Switch freed %d blocks, want 3", n)
	}
	for _, b := range out[2:] {
		u.name('b', b)
		u.ack()
	}
	if n := pool.Collect(); n != 2 {
		t.Errorf("%d blocks came back from the successor, want 2", n)
	}
	roundTrips(100)
	for _, s := range segs {
		s.f.Close()
	}
	if retired == 0 {
		t.Error("no segment was ever retired: the test is too small")
	}
	if s := pool.Stats(); s.Lent != 0 || s.Free != s.Blocks || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}

// TestAnonymous: a segment has no name in any file system.
func TestAnonymous(t *testing.T) {
	m, err := Create("anonymous", 1, Options{})
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
	if err := v.Add(0, dup(b, m.File()), 64<<10, 4096, 16); err != nil {
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
