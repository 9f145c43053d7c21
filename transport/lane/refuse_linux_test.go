package lane

import (
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// copies are descriptors of the same files, as they reach another process.
func copies(t *testing.T, files []transport.File) (all []transport.File) {
	t.Helper()
	for _, f := range files {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, os.NewFile(uintptr(fd), "copy"))
	}
	return all
}

// instead puts a file in the place of another one.
func instead(t *testing.T, place *transport.File, f transport.File, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	(*place).Close()
	*place = f
}

func pipeEnd(t *testing.T, place *transport.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err == nil {
		r.Close()
	}
	instead(t, place, w, err)
}

func pageOf(t *testing.T, bytes int, place *transport.File) {
	t.Helper()
	m, err := segment.Create("page", bytes, segment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if cells := bytes - transport.SendPageHeader; cells > 0 {
		if _, err := transport.NewSendPage(m.Bytes(), cells); err != nil {
			t.Fatal(err)
		}
	}
	f := copies(t, []transport.File{m.File()})[0]
	m.Close()
	instead(t, place, f, nil)
}

// TestLaneThatLies: what a process says of its end of a lane, or passes as a part of it, is
// refused if it cannot be, and nothing of it stays open or mapped.
func TestLaneThatLies(t *testing.T) {
	testutil.Audit(t)
	n, err := notify.NewEventfd()
	if err != nil {
		testutil.Refused(t, err)
	}
	defer n.Close()
	type lie struct {
		what string
		tell func(f *wire.Lane, files []transport.File)
	}
	always := []lie{
		{"a pipe is its bell", func(_ *wire.Lane, files []transport.File) { pipeEnd(t, &files[len(files)-1]) }},
		{"its page is too short", func(_ *wire.Lane, files []transport.File) { pageOf(t, 4096, &files[0]) }},
	}
	for _, tt := range []struct {
		queue wire.Queue
		cells uint32
		lies  []lie
	}{
		{wire.QueueRing, 1 << 12, []lie{
			{"its cells are no power of two", func(f *wire.Lane, _ []transport.File) { f.Cells-- }},
			{"it has more cells than bytes", func(f *wire.Lane, _ []transport.File) { f.Cells *= 2 }},
		}},
		{wire.QueueUnix, 0, []lie{
			{"its queue in the kernel has cells", func(f *wire.Lane, files []transport.File) {
				f.Cells = 1 << 12
				pageOf(t, transport.SendPageHeader+1<<12, &files[0])
			}},
			{"there is no such queue", func(f *wire.Lane, _ []transport.File) { f.Queue = 99 }},
			{"an entry was urgent, and its queue has no priorities", func(f *wire.Lane, _ []transport.File) { f.Start, f.Urgent = 1, 1 }},
			{"an urgent entry was taken from a queue without priorities", func(f *wire.Lane, _ []transport.File) { f.Carry, f.CarryUrgent = []byte("x"), 1 }},
		}},
	} {
		out, open, files, err := Create(Config{Queue: tt.queue, Cells: int(tt.cells)}, 1, n)
		if err != nil {
			testutil.Refused(t, err)
		}
		says := wire.Lane{From: wire.Addr{ID: 1, Incarnation: 1}, Queue: open.Queue, Cells: open.Cells, Size: open.Size, Bell: open.Bell}
		for _, lie := range slices.Concat(always, tt.lies) {
			f, files := says, copies(t, files)
			lie.tell(&f, files)
			_, _, _, err := Accept(&f, files, n)
			if err == nil || errors.Is(err, ErrOwn) {
				t.Errorf("queue %d: %s: %v", tt.queue, lie.what, err)
			}
		}
		says.Start = 5
		in, page, answer, err := Accept(&says, copies(t, files), n)
		if err != nil {
			t.Fatal(err)
		}
		for what, tell := range map[string]func([]transport.File){
			"a pipe is the bell of its page": func(files []transport.File) { pipeEnd(t, &files[1]) },
			"its page is too short":          func(files []transport.File) { pageOf(t, 4096, &files[0]) },
		} {
			files := copies(t, answer)
			tell(files)
			if _, err := OpenPeer(page, files); err == nil || errors.Is(err, ErrOwn) {
				t.Errorf("queue %d: %s: %v", tt.queue, what, err)
			}
		}
		p, err := OpenPeer(page, copies(t, answer))
		if err != nil {
			t.Fatal(err)
		}
		out.page.Tail.Store(7)
		if out.Install(p, 5); out.Unhandled() != 2 {
			t.Errorf("queue %d: %d of 7 are not handled where the receiver begins with 5", tt.queue, out.Unhandled())
		}
		in.Close()
		out.Close()
	}
}
