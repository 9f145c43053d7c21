package shared

import (
	"fmt"
	"os"
	"sync"
)

const (
	// HeaderBytes is the size of the header before the data in the file.
	HeaderBytes = 4096

	// MaxBytes is the size of the largest memory.
	MaxBytes = 1 << 32

	// MaxParties is how often one memory can be created or opened altogether.
	MaxParties = 1<<29 - 1
)

// Memory is a segment that several processes map read-write, as one of its
// parties sees it. All methods but Close may be called by any goroutine.
type Memory struct {
	mem   []byte   // the whole file
	head  *header  // in mem
	file  *os.File // the one that is passed on
	alive *os.File // a separate open file, whose lock says that this party lives
	party uint32   // 1 to MaxParties

	mu      sync.Mutex
	handles map[any]any // address of a word → this process's handle of it
}

// Bytes returns the memory without the header; it is zero at first. It begins at a
// multiple of HeaderBytes and is valid until Close.
func (m *Memory) Bytes() []byte { return m.mem[HeaderBytes:] }

// File returns the descriptor to pass to another process, in exec.Cmd.ExtraFiles or
// beside a message, for its call of Open. The Memory owns it.
func (m *Memory) File() *os.File { return m.file }

// Party returns the number of this party, which no other has or had.
func (m *Memory) Party() uint32 { return m.party }

// String describes the memory and the party, for messages to people.
func (m *Memory) String() string {
	return fmt.Sprintf("shared memory of %d bytes, party %d", len(m.Bytes()), m.party)
}

// pid returns the process of a party, or 0 if a newer party has its place in the
// table.
func (m *Memory) pid(party uint32) int {
	if v := m.head.pids[party%pidEntries].Load(); uint32(v>>32) == party {
		return int(uint32(v))
	}
	return 0
}

// handle returns this process's handle of a word, made by create at the first call.
// All goroutines share it, since they must queue in one place.
func handle[H any](m *Memory, word any, create func() *H) *H {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h, ok := m.handles[word].(*H); ok {
		return h
	}
	h := create()
	m.handles[word] = h
	return h
}

// turn lets only one goroutine of this process at a time wait for a word, so that a
// word blocks one thread of a process at most.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }
