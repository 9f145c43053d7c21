package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

func TestParseForm(t *testing.T) {
	for f, w := range formWords {
		if got, err := ParseForm(w); err != nil || got != f || f.String() != w {
			t.Errorf("%q: %v, %v", w, got, err)
		}
	}
	if f, err := ParseForm(""); err != nil || f != FormAuto {
		t.Error(f, err)
	}
	if _, err := ParseForm("mmap"); err == nil || !strings.Contains(err.Error(), `"shm"`) {
		t.Error("a wrong word: ", err)
	}
	if _, err := Create("x", 1, Options{Form: 99}); err == nil {
		t.Error("form 99 was made")
	}
}

// TestProbe: every form has an answer, and a refused one a reason.
func TestProbe(t *testing.T) {
	testutil.Audit(t)
	all := Probe()
	if len(all) != len(automatic) {
		t.Fatal(all)
	}
	for _, s := range all {
		m, err := Create("probe", 1, Options{Form: s.Form})
		if (err == nil) != (s.Err == nil) {
			t.Errorf("%v: probe says %v, Create %v", s.Form, s.Err, err)
		}
		if err == nil {
			if m.Form() != s.Form.String() {
				t.Errorf("%v made %s", s.Form, m.Form())
			}
			m.Close()
		}
	}
}

// TestUnsealedIsRefused: a program on memfds does not map what can be cut, and
// one on files maps only files that nobody can open for writing by accident.
func TestUnsealedIsRefused(t *testing.T) {
	testutil.Audit(t)
	if probe(FormMemfd) != nil {
		testutil.Refused(t, probe(FormMemfd))
	}
	m, err := Create("shm", 8192, Options{Form: FormShm})
	if err != nil {
		testutil.Refused(t, err)
	}
	defer m.Close()
	foreign := (*ForeignError)(nil)
	for _, form := range []Form{FormMemfd, FormShm, FormFile} {
		o, err := OpenForm(dup(t, m.File()), 8192, form)
		if form == FormMemfd {
			if !errors.As(err, &foreign) || foreign.What != "seals" {
				t.Errorf("%v: %v", form, err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		o.Close()
	}
	dir := t.TempDir()
	for _, c := range []struct {
		what  string
		mode  os.FileMode
		flags int
		keep  bool
	}{
		{"access mode", 0o400, os.O_RDWR, false},
		{"mode", 0o600, os.O_RDONLY, false},
		{"count of names", 0o400, os.O_RDONLY, true},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(c.what, " ", "-"))
		if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, c.flags, 0)
		if err == nil {
			err = f.Chmod(c.mode)
		}
		if err == nil && !c.keep {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenForm(f, 8192, FormFile); !errors.As(err, &foreign) || foreign.What != c.what {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	hole := tmpfile(t, shmDir, 8192)
	if _, err := OpenForm(hole, 8192, FormShm); !errors.As(err, &foreign) || foreign.What != "reserved bytes" {
		t.Errorf("a file with a hole: %v", err)
	}
}

// tmpfile is a nameless file of that size without memory, open for reading.
func tmpfile(t *testing.T, dir string, size int64) *os.File {
	t.Helper()
	rw, ro, err := openUnnamed(dir)
	if err == nil {
		err = unix.Ftruncate(rw, size)
		unix.Close(rw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(ro), "hole")
}

// TestOpenNamed is the way of file systems without O_TMPFILE: the name is gone
// at once, and those of dead processes go with the next one.
func TestOpenNamed(t *testing.T) {
	testutil.Audit(t)
	dir := t.TempDir()
	dead := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, fmt.Sprintf("understudy-%d-0badcafe", dead.Process.Pid))
	alive := filepath.Join(dir, fmt.Sprintf("understudy-%d-0badcafe", os.Getppid()))
	other := filepath.Join(dir, "understudy-notes-1")
	for _, path := range []string{left, alive, other} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rw, ro, err := openNamed(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(rw)
	defer unix.Close(ro)
	if _, err := unix.Pwrite(rw, []byte("x"), 0); err != nil {
		t.Error(err)
	}
	if _, err := unix.Pwrite(ro, []byte("x"), 0); err == nil {
		t.Error("the descriptor for peers can be written")
	}
	got, _ := filepath.Glob(filepath.Join(dir, "*"))
	if want := []string{alive, other}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if _, _, err := openUnnamed(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that does not exist: %v", err)
	}
}

// TestOpenNamedIsSwept: a process that does not see this one, as in another container
// that shares the directory, takes it for dead and removes its names. That harms
// nobody, whenever it happens.
func TestOpenNamedIsSwept(t *testing.T) {
	testutil.Audit(t)
	dir := t.TempDir()
	var done atomic.Bool
	var removed int
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		for !done.Load() {
			names, _ := os.ReadDir(dir)
			for _, e := range names {
				if os.Remove(filepath.Join(dir, e.Name())) == nil {
					removed++
				}
			}
		}
	}()
	for range testutil.Rounds(500, 100_000) {
		rw, ro, err := openNamed(dir)
		if err != nil {
			t.Error(err)
			break
		}
		unix.Close(rw)
		unix.Close(ro)
	}
	done.Store(true)
	<-swept
	t.Logf("%d names were removed by somebody else", removed)
}

// TestFileSizeLimit: a segment that is larger than a file may be says so, whichever
// file it is. (SIGXFSZ, which the kernel sends, too, does nothing to a Go program.)
func TestFileSizeLimit(t *testing.T) {
	testutil.Audit(t)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_FSIZE, &old) }()
	for _, form := range []Form{FormMemfd, FormShm, FormFile} {
		if err := probe(form); err != nil {
			t.Log(err)
			continue
		}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 8192, Max: old.Max}); err != nil {
			t.Skip("RLIMIT_FSIZE cannot be lowered: ", err)
		}
		_, err := Create("test", 16384, Options{Form: form})
		_ = unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
		e := (*transport.LimitError)(nil)
		if !errors.As(err, &e) || e.Limit != "RLIMIT_FSIZE" || e.Value != 8192 || e.Remedy == "" || !errors.Is(err, unix.EFBIG) {
			t.Errorf("%v: %v", form, err)
		}
	}
}

// TestNamedFile: a kept file outlives its memory with what was written, and one
// that is not kept never shows.
func TestNamedFile(t *testing.T) {
	testutil.Audit(t)
	path := filepath.Join(t.TempDir(), "ledger")
	m, err := CreateFile(path, 5000, true, Options{})
	if err != nil {
		t.Fatal(err)
	}
	copy(m.Bytes(), "kept")
	if _, err := CreateFile(path, 5000, true, Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that exists: %v", err)
	}
	if _, err := createKept(path, 4096); !errors.Is(err, fs.ErrExist) { // that came only now
		t.Errorf("a file that exists: %v", err)
	}
	if err := errors.Join(m.Sync(), m.Close()); err != nil {
		t.Fatal(err)
	}
	w, err := OpenFile(path, true)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	w.Bytes()[4] = '!'
	if string(r.Bytes()[:5]) != "kept!" || len(r.Bytes()) != roundUp(5000) {
		t.Errorf("%q, %d bytes", r.Bytes()[:5], len(r.Bytes()))
	}
	if err := errors.Join(w.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	foreign := (*ForeignError)(nil)
	if _, err := OpenFile(path, false); !errors.As(err, &foreign) || foreign.What != "size" {
		t.Errorf("100 bytes: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, write := range []bool{false, true} { // and nobody waits for its other end
		if _, err := OpenFile(path, write); !errors.As(err, &foreign) || foreign.What != "type" {
			t.Errorf("a pipe with a name: %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if m, err = CreateFile(path, 1, false, Options{Populate: true}); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not kept has a name: %v", err)
	}
}

// TestNamedFileIsWhole: whoever looks at any moment, as after a kill of its maker, finds
// no file, or all of one that is kept; and never one that is not kept.
func TestNamedFileIsWhole(t *testing.T) {
	testutil.Audit(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger")
	const size = 12 << 20 // more than one step of reserving it
	for _, keep := range []bool{true, false} {
		var done atomic.Bool
		var looks int
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			for ; !done.Load(); looks++ {
				info, err := os.Stat(path)
				if err == nil && (!keep || info.Size() != size) {
					t.Errorf("kept: %v; a file of %d bytes is there", keep, info.Size())
					return
				}
			}
		}()
		for range testutil.Rounds(30, 1000) {
			m, err := CreateFile(path, size, keep, Options{})
			if err != nil {
				t.Error(err)
				break
			}
			m.Close()
			if keep {
				if err := os.Remove(path); err != nil {
					t.Error(err)
				}
			}
		}
		done.Store(true)
		<-looked
		t.Logf("kept: %v: looked %d times", keep, looks)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// smallShmVar says to the test binary that it is the one in the namespaces.
const smallShmVar = "UNDERSTUDY_TEST_SMALL_SHM"

// TestFullShm: where /dev/shm has 64 KiB, a segment that does not fit is an
// error when it is made, with the limit, its value and the remedy, and nobody
// is ever killed by a touch. Without memfd, Auto goes on to the next form.
func TestFullShm(t *testing.T) {
	if os.Getenv(smallShmVar) != "" {
		insideSmallShm(t)
		return
	}
	for _, refuse := range []string{"", "memfd_create"} {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestFullShm$", "-test.v")
		cmd.Env = append(os.Environ(), smallShmVar+"=1")
		if refuse != "" {
			cmd.Env = append(cmd.Env, testutil.RefuseVar+"="+refuse)
		}
		ids := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid())}
		out, err := cmd.CombinedOutput()
		if cmd.Process == nil {
			testutil.Refused(t, err)
		}
		if _, reason, ok := strings.Cut(string(out), "refused by this machine: "); ok {
			testutil.Refused(t, reason)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: TestFullShm") {
			t.Errorf("refuse %q: %v\n%s", refuse, err, out)
		}
	}
}

func insideSmallShm(t *testing.T) {
	testutil.FileSize(t, 9<<20) // of the pool, or less would be refused for another reason
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		testutil.Refused(t, err)
	}
	if err := unix.Mount("tmpfs", shmDir, "tmpfs", 0, "size=64k"); err != nil {
		testutil.Refused(t, err)
	}
	full := func(err error) {
		t.Helper()
		limit := (*transport.LimitError)(nil)
		if !errors.As(err, &limit) || limit.Limit != "free bytes of /dev/shm" || limit.Value > 64<<10 || limit.Remedy == "" || !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%v", err)
		}
	}
	_, err := Create("large", 128<<10, Options{Form: FormShm})
	full(err)
	m, err := Create("small", 48<<10, Options{Form: FormShm})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Create("second", 32<<10, Options{Form: FormShm})
	full(err)
	for i := range m.Bytes() { // all of it is there
		m.Bytes()[i] = 1
	}
	p := NewPool(PoolConfig{Form: FormShm})
	_, err = p.Take(1 << 20)
	full(err)
	if s := p.Stats(); s.Bytes != 0 || s.Blocks != 0 {
		t.Errorf("after a refusal: %+v", s)
	}
	auto, err := Create("auto", 128<<10, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[bool]string{true: "memfd", false: "file"}[probe(FormMemfd) == nil]; auto.Form() != want {
		t.Errorf("auto took %s, want %s", auto.Form(), want)
	}
	_ = errors.Join(m.Close(), auto.Close(), p.Close())
}
