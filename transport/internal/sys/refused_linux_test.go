package sys_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// taken is how many bytes of a file have room.
func taken(t *testing.T, fd int) int {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return int(st.Blocks) * 512
}

// TestMemfdRefused: memory that must not be executed is asked for where that is
// known only.
func TestMemfdRefused(t *testing.T) {
	if !testutil.Refusing(t, "MFD_NOEXEC_SEAL:EINVAL") {
		return
	}
	fd, err := sys.Memfd("test", 4096)
	if sys.NoSuchCall(err) {
		testutil.Refused(t, err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := sys.Seal(fd); err != nil {
		t.Fatal(err)
	}
	if seals, err := sys.GetSeals(fd); err != nil || seals&sys.Seals != sys.Seals {
		t.Errorf("%#x, %v", seals, err)
	}
}

// TestPopulateRefused: every page is in memory also where the kernel cannot be told
// to see to that.
func TestPopulateRefused(t *testing.T) {
	if !testutil.Refusing(t, "MADV_POPULATE_WRITE:EINVAL", "madvise:EPERM", "madvise:ENOSYS") {
		return
	}
	size := 16 * os.Getpagesize()
	fd, err := sys.Memfd("test", size)
	if err != nil {
		testutil.Refused(t, err)
	}
	defer unix.Close(fd)
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	if n := taken(t, fd); n != 0 {
		t.Fatalf("%d bytes are there before", n)
	}
	if err := sys.Populate(mem); err != nil {
		t.Fatal(err)
	}
	if n := taken(t, fd); n != size {
		t.Errorf("%d of %d bytes are there", n, size)
	}
}

// TestReserveRefused: the room of a file is taken also where there is no fallocate.
func TestReserveRefused(t *testing.T) {
	if !testutil.Refusing(t, "fallocate:EOPNOTSUPP", "fallocate:ENOSYS", "fallocate:EPERM") {
		return
	}
	const size = 5<<20 + 4096 // more than one step
	fd, err := sys.Memfd("test", 0)
	if err != nil {
		testutil.Refused(t, err)
	}
	defer unix.Close(fd)
	if err := sys.Reserve(fd, size); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size != size {
		t.Errorf("a file of %d bytes became one of %d: %v", size, st.Size, err)
	}
	if n := taken(t, fd); n != size {
		t.Errorf("room for %d of %d bytes is taken", n, size)
	}
}
