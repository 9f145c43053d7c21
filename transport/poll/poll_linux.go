package poll

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Watch is a descriptor that is waited for.
type Watch struct {
	raw   syscall.RawConn
	ready func()
	key   uint64 // 0: no longer watched
	armed bool   // ready will be called
}

// all holds the watches of this process. One lock is enough: it is held for one or two
// system calls that do not wait.
var all struct {
	sync.Mutex
	last  uint64 // key
	byKey map[uint64]*Watch
	epoll *os.File
}

// interest is the event that is waited for, once: something to read. The kernel adds the
// end.
const interest = unix.EPOLLIN | unix.EPOLLONESHOT

// Start calls ready, once, when the descriptor has something to read or its other end
// is gone. If that is so already, it does so at once, perhaps before Start has returned.
// ready is called by the goroutine that all watches share, so it must not block. Start
// fails with a *transport.LimitError when the process has no descriptors left, or the
// user no watches.
//
// The descriptor stays the caller's, who must call Stop before closing it.
func Start(raw syscall.RawConn, ready func()) (*Watch, error) {
	all.Lock()
	defer all.Unlock()
	if err := open(); err != nil {
		return nil, err
	}
	all.last++
	w := &Watch{raw: raw, ready: ready, key: all.last, armed: true}
	all.byKey[w.key] = w
	if err := w.control(unix.EPOLL_CTL_ADD); err != nil {
		w.forget()
		return nil, limited(err)
	}
	return w, nil
}

// limited adds to err which limit refused a watch.
func limited(err error) error {
	const op = "poll: watch a descriptor"
	if err == unix.ENOSPC {
		return &transport.LimitError{Op: op, Limit: "fs.epoll.max_user_watches", Value: sys.Sysctl("fs/epoll/max_user_watches"),
			Remedy: "raise it with sysctl: all processes of this user have as many", Err: err}
	}
	return sys.Limited(op, err)
}

// Again makes the watch call ready once more when there is something to read, also if it
// is there already. It returns false when the watch has been stopped.
func (w *Watch) Again() bool {
	all.Lock()
	defer all.Unlock()
	if w.key == 0 {
		return false
	}
	w.armed = w.control(unix.EPOLL_CTL_MOD) == nil // it fails if the descriptor is closed
	return w.armed
}

// Stop ends the watch. It returns true if the watch was waiting: then ready is not
// running and will not be called. A further call returns false.
func (w *Watch) Stop() (waited bool) {
	all.Lock()
	defer all.Unlock()
	if w.key == 0 {
		return false
	}
	_ = w.control(unix.EPOLL_CTL_DEL) // fails only for a closed descriptor, which is not watched any more
	waited, w.armed = w.armed, false
	w.forget()
	return waited
}

// control calls epoll_ctl. The lock is held.
func (w *Watch) control(op int) error {
	e := unix.EpollEvent{Events: interest, Fd: int32(w.key), Pad: int32(w.key >> 32)}
	return sys.FD(all.epoll, func(epoll int) (err error) {
		if e := w.raw.Control(func(fd uintptr) { err = unix.EpollCtl(epoll, op, int(fd), &e) }); e != nil {
			return e
		}
		return err
	})
}

// forget removes w from the table. With the last watch the goroutine ends. The lock is
// held.
func (w *Watch) forget() {
	delete(all.byKey, w.key)
	w.key = 0
	if len(all.byKey) == 0 {
		_ = all.epoll.SetReadDeadline(time.Unix(1, 0)) // makes wait return, which closes it
		all.epoll = nil
	}
}

// open makes the epoll descriptor and starts its goroutine, if there is none. The lock
// is held.
func open() error {
	if all.epoll != nil {
		return nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return sys.Limited("poll: make an epoll descriptor", err)
	}
	_ = unix.SetNonblock(fd, true) // so that the runtime's poller takes it
	f := os.NewFile(uintptr(fd), "epoll")
	raw, err := f.SyscallConn()
	if err == nil {
		err = f.SetReadDeadline(time.Time{})
	}
	if err != nil { // the poller has not taken it: ready would never be called
		f.Close()
		return limited(unix.ENOSPC)
	}
	all.epoll, all.byKey = f, map[uint64]*Watch{}
	go wait(f, raw)
	return nil
}

// wait is the goroutine's body. It ends when the last watch has ended.
func wait(epoll *os.File, raw syscall.RawConn) {
	defer epoll.Close()
	var events [64]unix.EpollEvent
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events[:], 0)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return false
			}
			for i := range n {
				rang(uint64(uint32(events[i].Fd)) | uint64(uint32(events[i].Pad))<<32)
			}
		}
	})
}

// rang calls the function of the watch that an event is for. An old event's key belongs
// to no watch any more.
func rang(key uint64) {
	all.Lock()
	w := all.byKey[key]
	yes := w != nil && w.armed
	if yes {
		w.armed = false
	}
	all.Unlock()
	if yes {
		w.ready()
	}
}
