package segment

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestVoucherWithoutMemfd: where memfds are refused a voucher is a file, which says the
// same, and which nobody can write, whoever made it.
func TestVoucherWithoutMemfd(t *testing.T) {
	testutil.Audit(t)
	_ = probe(FormMemfd)
	probeMu.Lock()
	was := probed[FormMemfd]
	probed[FormMemfd] = unix.EPERM
	probeMu.Unlock()
	defer func() {
		probeMu.Lock()
		defer probeMu.Unlock()
		probed[FormMemfd] = was
	}()
	other, err := fileVoucher(t.TempDir(), make([]byte, voucherBytes))
	if err != nil {
		testutil.Refused(t, err)
	}
	defer other.Close()
	if _, _, ok := readVoucher(int(other.Fd()), voucherBytes); ok {
		t.Error("a file of zeros is a voucher")
	}
	v, err := newVoucher(7, 8192)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	checkVoucher(t, v, 7, 8192)
	if v, err := fileVoucher("/nowhere", nil); err == nil {
		v.Close()
		t.Error("a file in no folder")
	}
}

// TestVoucherIsRead: a voucher is no other file, and nothing else is one.
func TestVoucherIsRead(t *testing.T) {
	testutil.Audit(t)
	v, err := newVoucher(1<<31-1, 1<<40)
	if err != nil {
		testutil.Refused(t, err)
	}
	defer v.Close()
	checkVoucher(t, v, 1<<31-1, 1<<40)
	for what, size := range map[string]int64{"smaller": voucherBytes - 1, "larger": voucherBytes + 1} {
		if _, _, ok := readVoucher(int(v.Fd()), size); ok {
			t.Errorf("a %s file is a voucher", what)
		}
	}
	if _, _, ok := readVoucher(-1, voucherBytes); ok {
		t.Error("no file is a voucher")
	}
	for _, of := range [][2]int{{1 << 31, 4096}, {1, 1 << 62}} { // no id, and no size
		v, err := newVoucher(of[0], of[1])
		if err != nil {
			t.Fatal(err)
		}
		if id, size, ok := readVoucher(int(v.Fd()), voucherBytes); ok {
			t.Errorf("segment %d of %d bytes", id, size)
		}
		v.Close()
	}
}

func checkVoucher(t *testing.T, v *os.File, id, size int) {
	t.Helper()
	if i, n, ok := readVoucher(int(v.Fd()), voucherBytes); !ok || i != id || n != size {
		t.Errorf("segment %d of %d bytes, %v; want %d of %d", i, n, ok, id, size)
	}
	if _, err := unix.Pwrite(int(v.Fd()), []byte{1}, 0); err == nil {
		t.Error("it can be written")
	}
}
