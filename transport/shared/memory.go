package shared

import (
	"fmt"
	"os"
	"sync"
)

const (
	// HeaderBytes stand before the data in the file.
	HeaderBytes = 4096

	// MaxBytes is the size of the largest memory.
	MaxBytes = 1 << 32

	// MaxParties is how many times one memory can be opened in all.
	MaxParties = 1<<29 - 1
)

// Memory is a segment that several processes map read-write, as one of its
// parties sees it. All methods but Close may be called by any goroutine.
type Memory struct {
	mem   []byte   // the whole file
	head  *header  // in mem
	file  *os.File // the one that is passed on
	alive *os.File // an open file of its own: its lock says that this party lives
	party uint32   // 1 to MaxParties

	mu      sync.Mutex
	handles map[any]any // address of a word → what this process keeps about it
}

// Bytes is the memory, without the header, zero when it was created. It begins
// at a page and is valid until Close.
func (m *Memory) Bytes() []byte { return m.mem[HeaderBytes:] }

// File is the descriptor to pass to another process, which calls Open with it:
// in exec.Cmd.ExtraFiles or beside a message. The Memory owns it.
func (m *Memory) File() *os.File { return m.file }

// Party is the number of this party, which no other has or had.
func (m *Memory) Party() uint32 { return m.party }

// String names the memory and the party, for messages.
func (m *Memory) String() string {
	return fmt.Sprintf("shared memory of %d bytes, party %d", len(m.Bytes()), m.party)
}

// pid is the process of a party, or 0 when newer parties took its place in the
// table.
func (m *Memory) pid(party uint32) int {
	if v := m.head.pids[party%pidEntries].Load(); uint32(v>>32) == party {
		return int(uint32(v))
	}
	return 0
}

// handle returns what this process keeps about a word, made by create at the
// first call: goroutines that use the same word must queue at the same place.
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

// turn lets one goroutine of this process at a time wait for a word, so that a
// word costs one blocked thread a process.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }
