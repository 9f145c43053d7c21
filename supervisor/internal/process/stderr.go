package process

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/transport/poll"
)

// drain reads a child's stderr to its end, so that the child never waits for a
// reader, and keeps its beginning and its end.
type drain struct {
	r    *os.File
	to   io.Writer
	done Ending

	mu    sync.Mutex
	watch *poll.Watch // of r
	said  int64       // bytes that were read
	kept  *kept       // nil while nothing has come
	final bool        // the child is dead, and nobody waits for the end of its stderr
	rest  int         // if final: bytes that may still be read
}

// kept is what is kept of what a child has written.
type kept struct {
	head []byte
	tail []byte // the last tailBytes after head, possibly more
	cut  bool   // something between them is lost
	last crash
}

var drainBuffers = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// newDrain takes over r, which must be non-blocking and not on the runtime's poller.
func newDrain(r *os.File, to io.Writer) (*drain, error) {
	d := &drain{r: r, to: to}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch, err = poll.Start(raw, func() { go d.run() })
	return d, err
}

// run reads what there is. A child is silent most of the time: then it needs no goroutine
// and no buffer.
func (d *drain) run() {
	d.mu.Lock()
	watch := d.watch
	d.mu.Unlock()
	room := drainBuffers.Get().(*[8 << 10]byte)
	defer drainBuffers.Put(room)
	buf := room[:]
	for {
		n, err := d.r.Read(buf)
		if n > 0 {
			d.keep(buf[:n])
			if d.to != nil {
				_, _ = d.to.Write(buf[:n]) // errors of the writer are not the child's fault
			}
		}
		if errors.Is(err, syscall.EAGAIN) && watch.Again() {
			return
		}
		if err != nil || d.enough(n) {
			watch.Stop()
			d.end()
			return
		}
	}
}

// enough says whether everything that the child can have written has been read; n bytes
// were read just now.
func (d *drain) enough(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest -= n
	return d.final && d.rest <= 0
}

// end is called once, when nothing more will be read.
func (d *drain) end() {
	d.r.Close()
	if c, ok := d.to.(io.Closer); ok {
		c.Close() // it may hold the beginning of a line
	}
	d.done.Come()
}

func (d *drain) keep(b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = &kept{}
	}
	d.said += int64(len(b))
	d.kept.add(b)
}

func (k *kept) add(b []byte) {
	k.last.feed(b)
	if room := headBytes - len(k.head); room > 0 {
		n := min(room, len(b))
		k.head = append(k.head, b[:n]...)
		b = b[n:]
	}
	k.tail = append(k.tail, b...)
	if len(k.tail) > 2*tailBytes {
		k.tail = append(k.tail[:0], k.tail[len(k.tail)-tailBytes:]...)
		k.cut = true
	}
}

// strangerWait is how long to wait for the end of stderr after the death of the child and
// its group: a descendant that has left the group may keep it open.
var strangerWait = 200 * time.Millisecond

// unread bounds how much of a child's own output may be unread at its death, in bytes:
// what a pipe holds, and one buffer that was read before counting began.
const unread = 64<<10 + 8<<10

// wait waits for the end of stderr. Nearly always it has been read by now, and no timer is
// needed. When the time is over, everything that was there at the death is still read,
// since this process may have had no processor until now.
func (d *drain) wait() {
	if d.done.Over() {
		return
	}
	t := time.NewTimer(strangerWait)
	defer t.Stop()
	select {
	case <-d.done.Done():
		return
	case <-t.C:
	}
	d.mu.Lock()
	d.final, d.rest = true, unread
	d.mu.Unlock()
	if d.watch.Stop() {
		d.run() // no other goroutine runs it now
	}
	<-d.done.Done()
}

// finish returns what was kept, and the last crash in it.
func (d *drain) finish() (stderr, stack string) {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.kept
	if k == nil {
		return "", ""
	}
	tail := k.tail
	stack = k.last.String()
	if len(tail) > tailBytes {
		tail, k.cut = tail[len(tail)-tailBytes:], true
	}
	if k.cut {
		return string(k.head) + "\n[...]\n" + string(tail), stack
	}
	return string(k.head) + string(tail), stack
}
