package process

import (
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nameBytes is the maximum length of the name of a process.
const nameBytes = 15

// SetName makes name, or as much of its end as fits, the name of this process: ps and top
// show it, and so does the kernel when it kills because memory ran out. All children have
// the command line of the root, so nothing else tells them apart there. It does not wait.
// Without a main thread that serves orphans the name stays as it is.
func SetName(name string) {
	if len(name) > nameBytes {
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	o := serving.Load()
	if o == nil {
		return
	}
	var b [nameBytes + 1]byte
	copy(b[:nameBytes], name)
	go func() {
		select {
		case o.jobs <- func() { // the name of the main thread is that of the process
			_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0)
		}:
		case <-time.After(endTime): // it ends
		}
	}()
}
