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

// Notify sends state to the service manager that has started this process, by the
// protocol of systemd's sd_notify: lines such as "READY=1", "STATUS=three of four are
// up", "RELOADING=1" (Notify adds the time that has to go with it), "STOPPING=1". If
// there is no service manager (NOTIFY_SOCKET is not set, as in children), it returns
// false without an error. It waits at most a second for a manager that does not read.
//
// Run itself notifies that the program stops and, unless Spec.LateReady is set, that it
// is ready, when the Children of its Spec are. While these are being started, it tells
// which one is, and asks for as much time as that one may take (EXTEND_TIMEOUT_USEC, from
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
	_ = c.SetWriteDeadline(time.Now().Add(notifyTime))
	if _, err := c.Write([]byte(reloading(state))); err != nil {
		return false, fmt.Errorf("supervisor: notify %s: %w", name, err)
	}
	return true, nil
}

// notifyTime bounds how long a service manager that does not read may hold up a caller,
// such as the supervisor's loop.
const notifyTime = time.Second

// Live returns nil if the supervisor's loop responds within limit. It answers /livez: an
// error means that the whole program should be restarted.
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
		return fmt.Errorf("supervisor: its loop did not respond within %v", limit)
	}
}

// Serving returns nil if every child of s is ready. It answers /readyz: an error means
// that no work should be sent for now, and says which child is the cause. If s has
// its own process, it waits up to five seconds, like Children.
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

// watchdogPings makes the loop tell the service manager that this process is alive, twice
// in each period that the manager wants (WATCHDOG_USEC). If the loop hangs, the manager
// hears nothing and acts.
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
// if there are none. The caller owns the files; net.FileListener makes a listener from
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
