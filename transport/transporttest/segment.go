package transporttest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// SegmentForm is a form of segment. Every process of a test must know it: see
// ExtendSegments.
type SegmentForm struct {
	Name   string
	Create func(size int) (transport.Segment, error)
	Open   func(f transport.File, size int) (transport.Segment, error) // takes f

	// Disk says that the memory is in a file system, which can be full: then
	// its space must be reserved at its creation.
	Disk bool
}

// extended holds the forms that ExtendSegments has added to those of package segment.
var extended = map[string]SegmentForm{}

// ExtendSegments adds a form that the helpers know by its name. Call it in an init
// function. It serves to try out a form, and to add deliberately faulty ones in the tests
// of this suite.
func ExtendSegments(f SegmentForm) { extended[f.Name] = f }

// segmentForm returns the form of a name.
func segmentForm(name string) (SegmentForm, error) {
	if f, ok := extended[name]; ok {
		return f, nil
	}
	form, err := segment.ParseForm(name)
	return SegmentForm{
		Name: name,
		Create: func(size int) (transport.Segment, error) {
			return asSegment(segment.Create("suite", size, segment.Options{Form: form}))
		},
		Open: func(f transport.File, size int) (transport.Segment, error) {
			return asSegment(segment.OpenForm(f, size, form))
		},
		Disk: form == segment.FormShm || form == segment.FormFile,
	}, err
}

// asSegment keeps a nil *segment.Memory out of an interface.
func asSegment(m *segment.Memory, err error) (transport.Segment, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Segment runs the suite for one form of segment between real processes. The form is
// named as in configuration, or as in ExtendSegments.
func Segment(t *testing.T, name string) {
	form, err := segmentForm(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := form.Create(1)
	if err != nil {
		testutil.Refused(t, err)
	}
	m.Close()
	each(t, func(t *testing.T) *memoryStage { return &memoryStage{t: t, form: form} }, []rule[*memoryStage]{
		{"sizes", "both sides see the same bytes, whole pages of them, zero at first", memorySizes},
		{"space", "where a file system can be full, the room of a segment is taken when it is created", memorySpace},
		{"read only", "the user of a segment cannot write it, resize it, or map it for writing", memoryReadOnly},
		{"wrong size", "a segment of another size than was said is refused", memoryWrongSize},
		{"owner dies", "memory stays as long as somebody has it mapped", memoryOwnerDies},
		{"user dies", "the death of a user changes nothing for the owner", memoryUserDies},
		{"owner closes", "the owner's Close does not pull the memory away from its users", memoryOwnerCloses},
		{"names", "nothing has a name, at any moment between calls", memoryNames},
	})
}

// memoryStage is one case of the suite.
type memoryStage struct {
	t    *testing.T
	form SegmentForm
}

// mapper starts a process that maps segments.
func (s *memoryStage) mapper() *player {
	s.t.Helper()
	return start(s.t, "transporttest-mapper", s.form.Name)
}

func (s *memoryStage) create(size int) transport.Segment {
	s.t.Helper()
	testutil.Room(s.t, s.form.Name, uint64(size+os.Getpagesize()))
	m, err := s.form.Create(size)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { m.Close() })
	return m
}

// give lets p map m as size bytes, and returns what p says to that.
func (p *player) give(t *testing.T, m transport.Segment, size int) string {
	t.Helper()
	var files []transport.File
	if f := m.File(); f != nil {
		files = append(files, f)
	}
	if err := p.link.Send([]byte{'m'}, files); err != nil {
		t.Fatal(err)
	}
	p.Send("open ", size)
	return p.Expect("open")
}

// has fails the test unless p sees exactly the bytes of want.
func (p *player) has(t *testing.T, want []byte) {
	t.Helper()
	p.Send("sum")
	if got, want := p.Expect("sum"), summary(want); got != want {
		t.Fatalf("the other process sees %s, want %s", got, want)
	}
}

// summary returns the length and the checksum of b.
func summary(b []byte) string { return fmt.Sprint(len(b), " ", crc32.ChecksumIEEE(b)) }

func memorySizes(s *memoryStage) {
	page := os.Getpagesize()
	p := s.mapper()
	for i, size := range []int{1, page - 1, page, page + 1, 1 << 20, 3<<20 + 5} {
		m := s.create(size)
		if n := len(m.Bytes()); n < size || n >= size+page || n%page != 0 {
			s.t.Fatalf("%d bytes became %d", size, n)
		}
		if got := p.give(s.t, m, size); got != "ok" {
			s.t.Fatal(got)
		}
		p.has(s.t, make([]byte, len(m.Bytes()))) // zero at first
		Fill(m.Bytes(), uint64(i))
		p.has(s.t, m.Bytes()) // what was written after the mapping was made
		p.do(s.t, "close 0")
		m.Close()
	}
}

func memorySpace(s *memoryStage) {
	const size = 1 << 20
	m := s.create(size)
	if !s.form.Disk {
		return // what there is of memory the kernel counts by other rules
	}
	if got := taken(s.t, m.File()); got < size {
		s.t.Errorf("of %d bytes room for %d is taken: the rest is SIGBUS in a full file system", size, got)
	}
}

func memoryReadOnly(s *memoryStage) {
	p := s.mapper()
	m := s.create(8192)
	Fill(m.Bytes(), 1)
	if got := p.give(s.t, m, 8192); got != "ok" {
		s.t.Fatal(got)
	}
	p.Send("attack")
	if got := p.Expect("attack"); got != "refused" {
		s.t.Error("the other process could ", got)
	}
	p.has(s.t, m.Bytes())
	if want := make([]byte, len(m.Bytes())); string(m.Bytes()) != func() string { Fill(want, 1); return string(want) }() {
		s.t.Error("the memory was changed")
	}
}

func memoryWrongSize(s *memoryStage) {
	p := s.mapper()
	page := os.Getpagesize()
	m := s.create(2 * page)
	for _, size := range []int{page, 3 * page, 1 << 30} {
		if got := p.give(s.t, m, size); !strings.Contains(got, "size") {
			s.t.Errorf("%d bytes opened as %d: %s", 2*page, size, got)
		}
	}
	if got := p.give(s.t, m, 2*page); got != "ok" {
		s.t.Error(got)
	}
}

func memoryOwnerDies(s *memoryStage) {
	for range 3 {
		owner := s.mapper()
		owner.Send("create ", 64<<10)
		owner.Expect("create")
		buf := make([]byte, 100)
		n, files, err := owner.link.Receive(buf)
		if err != nil {
			s.t.Fatal(err)
		}
		m, err := openSent(buf[:n], files, 64<<10, s.form)
		if err != nil {
			s.t.Fatal(err)
		}
		owner.Kill()
		owner.Wait()
		if !Check(m.Bytes(), 7) {
			s.t.Error("the bytes of a dead owner are not what it wrote")
		}
		m.Close()
	}
}

func memoryUserDies(s *memoryStage) {
	m := s.create(64 << 10)
	for i := range uint64(3) {
		p := s.mapper()
		if got := p.give(s.t, m, 64<<10); got != "ok" {
			s.t.Fatal(got)
		}
		Fill(m.Bytes(), i)
		p.has(s.t, m.Bytes())
		p.Kill()
		p.Wait()
		if !Check(m.Bytes(), i) {
			s.t.Error("the death of a user changed the memory")
		}
	}
}

func memoryOwnerCloses(s *memoryStage) {
	p := s.mapper()
	m := s.create(64 << 10)
	Fill(m.Bytes(), 3)
	want := append([]byte(nil), m.Bytes()...)
	if got := p.give(s.t, m, 64<<10); got != "ok" {
		s.t.Fatal(got)
	}
	if err := errors.Join(m.Close(), m.Close()); err != nil {
		s.t.Fatal(err)
	}
	p.has(s.t, want)
}

// memoryNames looks for names while a segment is in use; what the deaths of the
// other cases leave is looked for by their Audit.
func memoryNames(s *memoryStage) {
	p := s.mapper()
	m := s.create(64 << 10)
	if got := p.give(s.t, m, 64<<10); got != "ok" {
		s.t.Fatal(got)
	}
	for _, pattern := range []string{"/dev/shm/understudy*", "/dev/mqueue/understudy*", filepath.Join(os.TempDir(), "*")} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			s.t.Errorf("found %q", found)
		}
	}
}

// openSent opens what has arrived in a frame.
func openSent(frame []byte, files []transport.File, size int, form SegmentForm) (transport.Segment, error) {
	if len(files) != 1 {
		return nil, fmt.Errorf("%d descriptors", len(files))
	}
	return form.Open(files[0], size)
}
