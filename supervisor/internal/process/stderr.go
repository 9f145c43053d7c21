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
// reader, and keeps its begin and its end.
type drain struct {
	r    *os.File
	to   io.Writer
	done chan struct{}

	mu    sync.Mutex
	watch *poll.Watch // of r
	head  []byte
	tail  []byte // the last tailBytes after head, possibly more
	cut   bool   // something between them is lost
	last  crash
}

var drainBuffers = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// newDrain takes r, which does not block and is not on the runtime's poller.
func newDrain(r *os.File, to io.Writer) (*drain, error) {
	d := &drain{r: r, to: to, done: make(chan struct{})}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch, err = poll.Start(raw, func() { go d.run() })
	return d, err
}

// run reads what there is. A child is silent most of the time: then there is no
// goroutine for it and no buffer.
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
				_, _ = d.to.Write(buf[:n]) // a broken sink is not the child's fault
			}
		}
		if errors.Is(err, syscall.EAGAIN) && watch.Again() {
			return
		}
		if err != nil {
			watch.Stop()
			d.end()
			return
		}
	}
}

// end is called once, when nothing will be read any more.
func (d *drain) end() {
	d.r.Close()
	if c, ok := d.to.(io.Closer); ok {
		c.Close() // it may keep the begin of a line
	}
	close(d.done)
}

func (d *drain) keep(b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last.feed(b)
	if room := headBytes - len(d.head); room > 0 {
		k := min(room, len(b))
		d.head = append(d.head, b[:k]...)
		b = b[k:]
	}
	d.tail = append(d.tail, b...)
	if len(d.tail) > 2*tailBytes {
		d.tail = append(d.tail[:0], d.tail[len(d.tail)-tailBytes:]...)
		d.cut = true
	}
}

// strangerWait is how long the end of stderr is waited for after the death of
// the child and its group: a descendant that has left the group may hold it.
const strangerWait = 200 * time.Millisecond

// wait waits for the end of stderr. Nearly always it has been read by now, and
// no timer is needed.
func (d *drain) wait() {
	select {
	case <-d.done:
		return
	default:
	}
	t := time.NewTimer(strangerWait)
	defer t.Stop()
	select {
	case <-d.done:
	case <-t.C:
		if d.watch.Stop() {
			d.end()
		} else {
			d.r.Close() // run is there, and may find something to read for ever
		}
		<-d.done
	}
}

// finish returns what was kept, and the last crash that it tells of.
func (d *drain) finish() (stderr, stack string) {
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	tail := d.tail
	stack = d.last.String()
	if len(tail) > tailBytes {
		tail, d.cut = tail[len(tail)-tailBytes:], true
	}
	if d.cut {
		return string(d.head) + "\n[...]\n" + string(tail), stack
	}
	return string(d.head) + string(tail), stack
}
