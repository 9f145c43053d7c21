package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// CPUWait is, for each thread of a process, how long the thread was runnable but waited
// for a processor. A sleeping thread does not wait.
type CPUWait map[string]time.Duration

// CPUWaitOf reads the waits of a process's threads. It is empty if the kernel does not
// account for them.
func CPUWaitOf(pid int) CPUWait {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	w := CPUWait{}
	for _, name := range names {
		b, err := os.ReadFile(dir + "/" + name + "/schedstat")
		if err != nil {
			continue
		}
		if f := strings.Fields(string(b)); len(f) == 3 {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			w[name] = time.Duration(n)
		}
	}
	return w
}

// Since is the longest wait of any thread since before.
func (w CPUWait) Since(before CPUWait) (longest time.Duration) {
	for name, now := range w {
		if was, ok := before[name]; ok {
			longest = max(longest, now-was)
		}
	}
	return longest
}
