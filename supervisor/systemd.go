package supervisor

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/process"
)

// Notify tells the service manager that has started this process something, by the
// protocol of systemd's sd_notify: lines such as "READY=1", "STATUS=three of four
// are up", "RELOADING=1" (the time that has to be with it is added), "STOPPING=1". If
// there is no service manager (NOTIFY_SOCKET is not set, as in children), it returns
// false without an error.
//
// Run tells it when the program stops, and that it is ready when the Children of its
// Spec are, unless Spec.LateReady is set. While they are being started it tells which
// one is, and asks for as much time as that one may take (EXTEND_TIMEOUT_USEC by
// Child.Start). Without Children only the program knows when it is ready.
func Notify(state string) (told bool, err error) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return false, nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return false, fmt.Errorf("supervisor: notify %s: %w", name, err)
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(notifyTime)) // then Write fails, and says so
	if _, err := c.Write([]byte(reloading(state))); err != nil {
		return false, fmt.Errorf("supervisor: notify %s: %w", name, err)
	}
	return true, nil
}

// notifyTime bounds how long a service manager that does not read may hold up
// whoever tells it something: the supervisor's loop for one.
const notifyTime = time.Second

// Live returns nil if the supervisor's loop still works, which it must show within
// limit. It is what /livez means: an error says that the whole program should be
// restarted.
func (s *Supervisor) Live(limit time.Duration) error {
	done := make(chan struct{})
	go s.post(func() { close(done) })
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-s.quit:
		return ErrEnded
	case <-t.C:
		return fmt.Errorf("supervisor: its loop did not go round within %v", limit)
	}
}

// Serving returns nil if every child of s is ready. It is what /readyz means: an
// error says that no more work should come for now, and which child is the cause.
func (s *Supervisor) Serving() error {
	select {
	case <-s.ended:
		return ErrEnded
	default:
	}
	for _, c := range s.Children() {
		if c.State != "running" || c.Suspended {
			state := c.State
			if c.Suspended {
				state = "stopped by a signal"
			}
			return fmt.Errorf("supervisor: child %s is %s", c.Name, state)
		}
	}
	return nil
}

// watchdogPings tells the service manager, while the loop goes round, that this
// process is alive, twice in the time that it wants (WATCHDOG_USEC). A loop that
// hangs tells nothing: then the service manager acts.
func (s *Supervisor) watchdogPings() {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err != nil || usec <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return
	}
	every := time.Duration(usec) * time.Microsecond / 2
	var ping func()
	ping = func() {
		s.manager.tell("WATCHDOG=1")
		time.AfterFunc(every, func() { s.post(ping) })
	}
	s.post(ping)
}

// firstListener is the descriptor of the first socket that systemd passes.
const firstListener = 3

// Listeners returns the sockets that the service manager has opened for this process
// (LISTEN_FDS), by their names (LISTEN_FDNAMES; "unknown" without). The map is empty
// if there are none. The caller owns the files; net.FileListener makes a listener of
// one. Call it once, in the function that Run calls.
func Listeners() (map[string][]*os.File, error) {
	files := map[string][]*os.File{}
	text := os.Getenv("LISTEN_FDS")
	if text == "" || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return files, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<16 {
		return nil, fmt.Errorf("supervisor: LISTEN_FDS is %q: it must be a number of descriptors", text)
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range n {
		name := "unknown"
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		files[name] = append(files[name], process.TakeFile(firstListener+i, name))
	}
	for _, v := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		os.Unsetenv(v)
	}
	return files, nil
}
