package process

import (
	"os/signal"

	"golang.org/x/sys/unix"
)

// watchStops checks, at every SIGCHLD, which of the Starter's processes were stopped by a
// signal or continued. The kernel reports this in no other way: a pidfd becomes readable
// only at the end.
func (s *Starter) watchStops() {
	signal.Notify(s.changed, unix.SIGCHLD)
	go func() {
		defer signal.Stop(s.changed)
		for {
			select {
			case <-s.changed:
				s.lookForStops()
			case <-s.quit:
				return
			}
		}
	}()
}

// lookSoon makes the goroutine of watchStops look for stops. Nobody else does: reports of
// one process would overtake each other, and OnStop would be called, and might wait, in a
// goroutine that its receiver needs.
func (s *Starter) lookSoon() {
	select {
	case s.changed <- unix.SIGCHLD:
	default: // it will look anyway
	}
}

// lookForStops first checks whether any child was stopped or continued, and only then
// checks each: most signals report an end, and there may be many children.
func (s *Starter) lookForStops() {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WSTOPPED|unix.WCONTINUED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || info.Signo == 0 {
			return
		}
		break
	}
	s.mu.Lock()
	all := make([]*Process, 0, len(s.alive))
	for p := range s.alive {
		all = append(all, p)
	}
	s.mu.Unlock()
	for _, p := range all {
		p.lookForStop()
	}
}

// lookForStop takes the report of a stop, if there is one. It leaves the report of the
// end where it is.
func (p *Process) lookForStop() {
	p.mu.Lock()
	if p.reaped {
		p.mu.Unlock()
		return
	}
	was := p.stopped
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, p.pid, &info, unix.WSTOPPED|unix.WCONTINUED|unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || info.Signo == 0 {
			break
		}
		p.stopped = info.Code == cldStopped
	}
	now := p.stopped
	p.mu.Unlock()
	if now != was && p.onStop != nil {
		p.onStop(now)
	}
}

const cldStopped = 5 // CLD_STOPPED
