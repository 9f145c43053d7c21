package segment

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// A SysV segment has no descriptor, so a voucher travels in place of one: a nameless
// file of voucherBytes that nobody can write. It contains
//
//	u64 magic  u64 id  u64 size  the rest 0, little-endian
//
// No segment is so small, so a voucher cannot be taken for one. A voucher does not keep
// the segment alive: see Hold.
const (
	voucherBytes = 64
	voucherMagic = 0x56535953_52444e55 // "UNDRSYSV"
)

// newVoucher makes the voucher of a segment.
func newVoucher(id, size int) (*os.File, error) {
	b := make([]byte, voucherBytes)
	binary.LittleEndian.PutUint64(b, voucherMagic)
	binary.LittleEndian.PutUint64(b[8:], uint64(id))
	binary.LittleEndian.PutUint64(b[16:], uint64(size))
	f, err := memfdVoucher(b)
	for _, dir := range []string{shmDir, os.TempDir()} {
		if err == nil {
			break
		}
		f, err = fileVoucher(dir, b)
	}
	if err != nil {
		return nil, refused("voucher of a sysv segment", err, "allow memfd_create, or make /dev/shm or TMPDIR writable")
	}
	return f, nil
}

func memfdVoucher(b []byte) (*os.File, error) {
	if err := probe(FormMemfd); err != nil {
		return nil, err
	}
	fd, err := sys.Memfd("understudy-voucher", len(b))
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "voucher")
	if _, err = unix.Pwrite(fd, b, 0); err == nil {
		err = sys.Seal(fd)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func fileVoucher(dir string, b []byte) (*os.File, error) {
	rw, ro, err := openUnnamed(dir)
	if err != nil {
		return nil, err
	}
	defer unix.Close(rw)
	f := os.NewFile(uintptr(ro), "voucher")
	if _, err := unix.Pwrite(rw, b, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readVoucher reads the id and size in a voucher; ok is false if fd, a file of fileSize
// bytes, is not a voucher.
func readVoucher(fd int, fileSize int64) (id, size int, ok bool) {
	var b [voucherBytes]byte
	if fileSize != voucherBytes {
		return 0, 0, false
	}
	if n, err := unix.Pread(fd, b[:], 0); err != nil || n != len(b) || binary.LittleEndian.Uint64(b[:]) != voucherMagic {
		return 0, 0, false
	}
	v, n := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	if v >= 1<<31 || n >= 1<<62 {
		return 0, 0, false
	}
	return int(v), int(n), true
}

// openVoucher attaches the segment of a voucher.
func openVoucher(id, said, size int) ([]byte, error) {
	if said != size {
		return nil, &ForeignError{What: "size", Got: uint64(said), Want: uint64(size)}
	}
	return openSysV(id, size)
}

// Hold keeps the segment behind f alive beyond its owner's death, until the result is
// closed. A SysV segment lives as long as somebody has it attached, so Hold attaches it.
// All other forms live as long as a descriptor is open: for these f is enough, and the
// result is nil. f stays the caller's.
func Hold(f transport.File, size int, form Form) (m *Memory, err error) {
	err = sys.FD(f, func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("segment: fstat: %w", err)
		}
		id, said, ok := readVoucher(fd, st.Size)
		if !ok || !vouched(form) {
			return nil
		}
		mem, err := openVoucher(id, said, roundUp(size))
		if err == nil {
			m = newMemory(FormSysV.String(), mem, nil, unix.SysvShmDetach)
		}
		return err
	})
	return m, err
}
