package kernelq

import (
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/understudy-go/understudy/transport"
)

// HeaderBytes is the part of a message before its entry.
const HeaderBytes = 16

// castagnoli is made on demand: that takes longer than a short process takes to
// start, and most programs have no queue in the kernel.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// Seal completes the message m, whose entry is in place.
func Seal(m []byte, seq uint64) {
	binary.LittleEndian.PutUint32(m, uint32(len(m)-HeaderBytes))
	binary.LittleEndian.PutUint64(m[8:], seq)
	binary.LittleEndian.PutUint32(m[4:], crc32.Checksum(m[8:], castagnoli()))
}

// Taken decodes the message that a receiver took last from the Taken bytes of its
// page. ok is false when it has taken none. The entry is part of taken.
//
// A sequence beyond that of the in-flight word means that the entry of that word was
// dealt with, and that this one was taken but no handler has seen it.
func Taken(taken []byte) (seq uint64, entry []byte, ok bool) {
	seq, entry, err := parse(taken, len(taken))
	return seq, entry, err == nil
}

// parse checks the message in the first bytes of b, of which n were received.
// It reads the length once: b may be a peer's memory.
func parse(b []byte, n int) (seq uint64, entry []byte, err error) {
	if n > len(b) || n < HeaderBytes {
		return 0, nil, &transport.CorruptError{What: "bytes of a message", Value: uint64(n), Limit: uint64(len(b))}
	}
	size := binary.LittleEndian.Uint32(b)
	if uint64(size) > uint64(n-HeaderBytes) {
		return 0, nil, &transport.CorruptError{What: "length of an entry", Value: uint64(size), Limit: uint64(n - HeaderBytes)}
	}
	end := HeaderBytes + int(size)
	sum := binary.LittleEndian.Uint32(b[4:])
	if got := crc32.Checksum(b[8:end], castagnoli()); got != sum {
		return 0, nil, &transport.CorruptError{What: "check sum of an entry", Value: uint64(sum), Limit: uint64(got)}
	}
	return binary.LittleEndian.Uint64(b[8:]), b[HeaderBytes:end:end], nil
}
