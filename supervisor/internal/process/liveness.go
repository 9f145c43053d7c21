package process

import (
	"os"
	"os/signal"
)

// Liveness is a pipe that says to children that this process is alive: its
// write end is open here and nowhere else, so the read ends that children have
// come to an end when this process does, however it does.
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

// Close says that this process is no longer there for its children.
func (l *Liveness) Close() {
	l.write.Close()
	l.read.Close()
}

// WatchLiveness calls end, in a goroutine parked in the poller, when the
// process at the other end of f has gone. It takes f. A program that closes every
// descriptor that it knows nothing of, as some do before they start another one, hears
// nothing from f: so end is called, too, when the kernel's signal at the death of this
// process's parent comes and it has another parent now. In a PID namespace of its own
// with a /proc of its own its parent has no number, and where /proc cannot be read it is
// not known: then the signal is believed when f is no longer what it was. It may be
// called twice.
func WatchLiveness(f *os.File, end func()) {
	parent := parentPID()
	was, _ := f.Stat()
	died := make(chan os.Signal, 1)
	signal.Notify(died, DeathSignal)
	go func() {
		for range died { // or somebody continues a process that was stopped
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
			// Nothing is ever written; whatever else Read returns for, the
			// only thing to do is to look again or to end.
			if _, err := f.Read(b[:]); err != nil {
				end()
				return
			}
		}
	}()
}
