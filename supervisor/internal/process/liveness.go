package process

import (
	"os"
	"os/signal"
)

// Liveness is a pipe that tells children that this process is alive: its write end is
// open only here, so the read ends that children have reach their end when this process
// ends, however it ends.
type Liveness struct {
	read, write *os.File
}

// NewLiveness makes the pipe.
func NewLiveness() (*Liveness, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, Limited("process: liveness pipe", err)
	}
	return &Liveness{r, w}, nil
}

// File is the read end, for Spec.Files.
func (l *Liveness) File() *os.File { return l.read }

// Close tells the children that this process is gone for them.
func (l *Liveness) Close() {
	l.write.Close()
	l.read.Close()
}

// WatchLiveness calls end, in a goroutine parked in the poller, when the process at the
// other end of f is gone. It takes f.
//
// A program that closes every descriptor that it does not know, as some do before they
// start another program, would hear nothing from f. So end is also called when the
// kernel's signal at the death of this process's parent comes and the parent has changed.
// In its own PID namespace with its own /proc, the parent has no number, and if /proc
// cannot be read the number is unknown: then the signal is believed if f is no longer
// what it was. end may be called twice.
func WatchLiveness(f *os.File, end func()) {
	parent := parentPID()
	was, _ := f.Stat()
	died := make(chan os.Signal, 1)
	signal.Notify(died, DeathSignal)
	go func() {
		for range died { // also comes when somebody continues a stopped process
			by := parentPID()
			if by == parent && by != 0 {
				continue
			}
			now, err := f.Stat()
			if by != 0 && parent != 0 || err != nil || !os.SameFile(was, now) {
				end()
			}
		}
	}()
	go func() {
		var b [1]byte
		for {
			// Nothing is ever written: for whatever reason Read returns, all that can be
			// done is to look again or to end.
			if _, err := f.Read(b[:]); err != nil {
				end()
				return
			}
		}
	}()
}
