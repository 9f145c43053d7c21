//go:build faultinject

package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Enabled says whether the program was built with the tag faultinject.
const Enabled = true

// planned is one fault.
type planned struct {
	action string
	at     int64
	hits   atomic.Int64
}

var plan = sync.OnceValue(func() map[string][]*planned {
	m := map[string][]*planned{}
	for _, f := range strings.Split(os.Getenv("UNDERSTUDY_FAULT"), ",") {
		if f == "" {
			continue
		}
		parts := strings.Split(f, ":")
		if len(parts) != 3 {
			panic(fmt.Sprintf("fault: UNDERSTUDY_FAULT has %q, which is not point:action:k", f))
		}
		k, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil || k < 1 {
			panic(fmt.Sprintf("fault: UNDERSTUDY_FAULT has %q: k must be a number from 1 up", f))
		}
		m[parts[0]] = append(m[parts[0]], &planned{action: parts[1], at: k})
	}
	return m
})

// Hit does what was planned for this point, if now is the time.
func Hit(point string) {
	for _, p := range plan()[point] {
		if p.hits.Add(1) == p.at {
			p.act(point)
		}
	}
}

func (p *planned) act(point string) {
	self, _ := os.FindProcess(os.Getpid())
	switch {
	case p.action == "kill":
		_ = self.Signal(syscall.SIGKILL)
		select {}
	case p.action == "stop":
		_ = self.Signal(syscall.SIGSTOP)
	case p.action == "exit":
		os.Exit(3)
	case p.action == "panic":
		panic("fault: " + point)
	case strings.HasPrefix(p.action, "delay="):
		d, err := time.ParseDuration(strings.TrimPrefix(p.action, "delay="))
		if err != nil {
			panic(fmt.Sprintf("fault: %s: %v", p.action, err))
		}
		time.Sleep(d)
	default:
		panic(fmt.Sprintf("fault: unknown action %q", p.action))
	}
}
