package supervisor_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/supervisor"
)

// TestReloading: RELOADING=1 has the time with it, by which a service manager knows
// that the READY=1 after it is a new one.
func TestReloading(t *testing.T) {
	name := fmt.Sprintf("@understudy-test-reloading-%d", os.Getpid())
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	var before, after unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &before)
	for _, state := range []string{"STATUS=new files\nRELOADING=1", "RELOADING=1\nMONOTONIC_USEC=5", "STATUS=RELOADING=1 is next"} {
		if _, err := supervisor.Notify(state); err != nil {
			t.Fatal(err)
		}
	}
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &after)
	buf := make([]byte, 4096)
	hear := func() string {
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	var usec int64
	if said := hear(); !strings.HasPrefix(said, "STATUS=new files\nRELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("%q", said)
	} else if _, err := fmt.Sscan(said[strings.LastIndex(said, "=")+1:], &usec); err != nil || usec < before.Nano()/1000 || usec > after.Nano()/1000 {
		t.Errorf("%q at %d: %v", said, before.Nano()/1000, err)
	}
	for _, want := range []string{"RELOADING=1\nMONOTONIC_USEC=5", "STATUS=RELOADING=1 is next"} { // the caller's own; no line of it
		if said := hear(); said != want {
			t.Errorf("%q", said)
		}
	}
}
