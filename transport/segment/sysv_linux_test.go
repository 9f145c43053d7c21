package segment

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

// sysvID is the id of the segment that m's voucher speaks of.
func sysvID(t *testing.T, m *Memory) int {
	t.Helper()
	id, size, ok := readVoucher(int(m.File().Fd()), voucherBytes)
	if !ok || size != len(m.Bytes()) {
		t.Fatalf("voucher of %d: %d bytes, %v", id, size, ok)
	}
	return id
}

// TestSysVLife: a segment is marked for removal from the start, is closed to
// writers, and is gone with its last user.
func TestSysVLife(t *testing.T) {
	testutil.Audit(t)
	m, err := Create("life", 10000, Options{Form: FormSysV})
	if err != nil {
		testutil.Refused(t, err)
	}
	id := sysvID(t, m)
	stat := func() (d unix.SysvShmDesc, err error) {
		_, err = unix.SysvShmCtl(id, unix.IPC_STAT, &d)
		return d, err
	}
	d, err := stat()
	if err != nil || d.Perm.Mode&0o1777 != shmDest|0o400 || d.Nattch != 1 || d.Perm.Key != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if os.Geteuid() != 0 { // who may do everything may do this too
		if b, err := unix.SysvShmAttach(id, 0, 0); err == nil {
			_ = unix.SysvShmDetach(b)
			t.Error("attached for writing")
		}
	}
	hold, err := Hold(m.File(), 10000, FormSysV)
	if err != nil || hold == nil {
		t.Fatal(hold, err)
	}
	voucher := dup(t, m.File())
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenForm(voucher, 10000, FormSysV) // a successor
	if err != nil {
		t.Fatal(err)
	}
	late := dup(t, r.File())
	if err := errors.Join(hold.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := stat(); err != unix.EINVAL && err != unix.EIDRM {
		t.Errorf("after the last detach: %v", err)
	}
	if _, err := OpenForm(late, 10000, FormSysV); err == nil || !strings.Contains(err.Error(), "owner is gone") {
		t.Errorf("a voucher of nothing: %v", err)
	}
}

// TestSweepOfOwn: what this process is making is not what a dead one has left: an actor
// in place has this process's number, and its end is the end of no process.
func TestSweepOfOwn(t *testing.T) {
	sysvMu.Lock()
	defer sysvMu.Unlock()
	id, err := unix.SysvShmGet(sysvKey(os.Getpid()), 4096, unix.IPC_CREAT|unix.IPC_EXCL|0o600)
	if err != nil {
		testutil.Refused(t, err)
	}
	err = Sweep(os.Getpid())
	if _, gone := unix.SysvShmCtl(id, unix.IPC_RMID, nil); err != nil || gone != nil {
		t.Errorf("it was swept: %v, %v", gone, err)
	}
}

// TestVoucher: vouchers are taken only where they are expected, and only for
// what they say.
func TestVoucher(t *testing.T) {
	testutil.Audit(t)
	m, err := Create("voucher", 8192, Options{Form: FormSysV})
	if err != nil {
		testutil.Refused(t, err)
	}
	defer m.Close()
	foreign := (*ForeignError)(nil)
	for _, form := range []Form{FormMemfd, FormShm, FormFile} {
		if _, err := OpenForm(dup(t, m.File()), 8192, form); !errors.As(err, &foreign) {
			t.Errorf("%v: %v", form, err)
		}
		if h, err := Hold(m.File(), 8192, form); h != nil || err != nil {
			t.Errorf("%v: held: %v", form, err)
		}
	}
	if _, err := OpenForm(dup(t, m.File()), 4096, FormSysV); !errors.As(err, &foreign) || foreign.What != "size" {
		t.Errorf("another size: %v", err)
	}
	// Somebody else's segment, which is not marked for removal.
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 8192, unix.IPC_CREAT|0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	v, err := newVoucher(id, 8192)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenForm(v, 8192, FormSysV); !errors.As(err, &foreign) || foreign.What != "mode" {
		t.Errorf("somebody else's: %v", err)
	}
	if h, err := Hold(m.File(), 1<<40, FormSysV); h != nil || err == nil {
		t.Error("held as another size")
	}
	k, err := Create("keepable", 4096, Options{Form: FormSysV, Keepable: true})
	if err != nil || k.Form() == "sysv" {
		t.Fatal(k.Form(), err)
	}
	k.Close()
}

var _ = testutil.HelperErr("half-made", func(c *testutil.Child) error {
	id, err := unix.SysvShmGet(sysvKey(os.Getpid()), 4096, unix.IPC_CREAT|unix.IPC_EXCL|0o600)
	if err != nil {
		return err
	}
	c.Say("made ", id)
	c.Wait("never")
	return nil
})

// TestSweepSysV: what a process leaves that is killed before it has marked its
// segment is removed, and nothing else is.
func TestSweepSysV(t *testing.T) {
	testutil.Audit(t)
	other, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
	if err != nil {
		testutil.Refused(t, err)
	}
	defer unix.SysvShmCtl(other, unix.IPC_RMID, nil)
	for name, sweep := range map[string]func(pid int){
		"by number": func(pid int) {
			if err := Sweep(pid); err != nil {
				t.Error(err)
			}
		},
		"at the next start": func(int) { sweepAll() },
	} {
		p := testutil.Start(t, "half-made", testutil.Spec{})
		var id int
		if _, err := fmt.Sscan(p.Expect("made"), &id); err != nil {
			t.Fatal(err)
		}
		exists := func(id int) bool {
			var d unix.SysvShmDesc
			_, err := unix.SysvShmCtl(id, unix.IPC_STAT, &d)
			return err == nil
		}
		sweepAll()
		if !exists(id) {
			t.Errorf("%s: a living process's was removed", name)
		}
		p.Kill()
		p.Wait()
		if !exists(id) {
			t.Fatalf("%s: the kernel removed it, so there is nothing to test", name)
		}
		sweep(p.PID())
		if exists(id) {
			t.Errorf("%s: it is still there", name)
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
		if !exists(other) {
			t.Errorf("%s: another program's was removed", name)
		}
	}
}

// TestSysVLimit: the error names the limit.
func TestSysVLimit(t *testing.T) {
	_, err := Create("huge", 1<<62, Options{Form: FormSysV})
	limit := (*transport.LimitError)(nil)
	if !errors.As(err, &limit) || limit.Remedy == "" || limit.Value == 0 {
		t.Errorf("%v", err)
	}
}
