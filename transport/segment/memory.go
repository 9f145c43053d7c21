package segment

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
)

// Options says how a segment is made. The zero value is the default.
type Options struct {
	// Form is the kind of memory; the zero value is FormAuto.
	Form Form

	// Keepable asks for memory that lives as long as anybody holds its
	// descriptor. All forms but FormSysV are like that; FormSysV is replaced
	// by FormAuto.
	Keepable bool

	// Populate takes memory for every page at once, so that no later access
	// faults. It costs about 0.6 ms for each MiB.
	Populate bool
}

// Memory is one segment; it implements transport.Segment. All methods may be
// called by any goroutine.
type Memory struct {
	form string
	mem  []byte
	file atomic.Pointer[os.File]
	done atomic.Bool // Close has been called
	free func([]byte) error
}

func newMemory(form string, mem []byte, f *os.File, free func([]byte) error) *Memory {
	m := &Memory{form: form, mem: mem, free: free}
	m.file.Store(f)
	return m
}

// Heap returns a segment of size bytes in the heap of this process, which no other
// process can see: for tests, and for fakes under the race detector. It begins at a
// multiple of 4096 bytes. Its File is nil.
func Heap(size int) *Memory {
	return newMemory("heap", aligned(roundUp(size)), nil, func([]byte) error { return nil })
}

// Form returns the name of the form, such as "memfd", or "heap".
func (m *Memory) Form() string { return m.form }

// Bytes returns the memory, in whole pages. It is valid until Close.
func (m *Memory) Bytes() []byte { return m.mem }

// File returns the descriptor by which another process maps the segment, or nil. The
// segment owns it, and closes it by Close or CloseFile: do not keep the result.
func (m *Memory) File() transport.File {
	if f := m.file.Load(); f != nil {
		return f
	}
	return nil // not a nil *os.File in an interface
}

// CloseFile closes the descriptor and keeps the mapping. A process that will not pass
// the segment on saves a descriptor by it.
func (m *Memory) CloseFile() error {
	if f := m.file.Swap(nil); f != nil {
		return f.Close()
	}
	return nil
}

// Close closes the descriptor and unmaps the memory. It may be called again.
func (m *Memory) Close() error {
	if m.done.Swap(true) {
		return nil
	}
	err := m.CloseFile()
	if err := m.free(m.mem); err != nil {
		panic(fmt.Sprintf("segment: unmap: %v", err)) // only a wrong address can fail
	}
	return err
}

// ForeignError says why a descriptor is not a segment of this library.
type ForeignError struct {
	What string // "type", "size", "seals", "file system", "reserved bytes"; of a file without seals also "access mode", "mode", "count of names"
	Got  uint64 // file mode bits, bytes, seal bits, or a count
	Want uint64
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("segment: refused a descriptor that is no segment: %s is %#x where %#x is required; "+
		"peers must be built from the same version", e.What, e.Got, e.Want)
}

// pageBytes is the unit of sizes and of the alignment of blocks. Segments are
// rounded up to the machine's page, which is a multiple of it.
const pageBytes = 4096

func roundUp(n int) int {
	page := os.Getpagesize()
	return (n + page - 1) &^ (page - 1)
}
