package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

// inPlace is an actor in this process, in the role of a process.
type inPlace struct {
	process.Ending
	r    *running
	exit *process.Exit // nil until it has ended
}

func (p *inPlace) PID() int           { return os.Getpid() }
func (p *inPlace) Exit() process.Exit { return *p.exit }

// KillGroup ends the actor's link, which makes it end after the message in hand. What it
// says until then, such as that it has read a lane, or that the message is a dead letter,
// is heard.
func (p *inPlace) KillGroup() error {
	if p.r.queue == nil { // it is the actor's end: the root has the other one
		return p.r.link.(interface{ CloseRead() error }).CloseRead()
	}
	return p.r.link.(interface{ CloseWrite() error }).CloseWrite()
}

func (s *Supervisor) launchInPlace(addr wire.Addr) (*running, error) {
	r, link, err := s.connect(addr)
	if err != nil {
		return nil, err
	}
	n, err := newNotifierInPlace(s.spec.Notifier)
	if err != nil {
		s.forget(r)
		return nil, err
	}
	p := &inPlace{r: r}
	s.mu.Lock()
	r.proc, r.begun = p, time.Now()
	s.mu.Unlock()
	go p.run(hosting.Config{Link: link, Notifier: n, Log: s.log, InPlace: true})
	return r, nil
}

// run runs an actor as a process would. It returns when the actor has nothing to do for
// the first time; later goroutines continue it.
func (p *inPlace) run(cfg hosting.Config) {
	h, err := hosting.New(cfg)
	if err != nil {
		p.ended(err)
		return
	}
	h.ServeInPlace(func(err error) {
		h.Close()
		p.ended(err)
	})
}

// ended records an exit like that of a process that ends with err.
func (p *inPlace) ended(err error) {
	x := &process.Exit{PID: os.Getpid(), Kind: wire.ExitNormal, Summary: "exit status 0", Runtime: time.Since(p.r.begun)}
	e := new(hosting.PanicError)
	switch {
	case errors.As(err, &e):
		x.Kind, x.Code, x.Stderr = wire.ExitPanic, 2, e.Error()+"\n\n"+e.Stack
		x.Summary, _, _ = strings.Cut(e.Error(), "\n")
	case err != nil:
		x.Kind, x.Code, x.Summary, x.Stderr = wire.ExitCode, 1, "exit status 1", fmt.Sprintln(err)
	}
	p.exit = x
	p.Come()
}

// newNotifierInPlace is newNotifier for an actor that shares its process with others.
// The futex form takes a thread for each actor that sleeps; for all eventfds one thread,
// Go's poller, is enough.
func newNotifierInPlace(form string) (transport.Notifier, error) {
	if form == "" {
		if n, err := notify.NewEventfd(); err == nil {
			return n, nil
		}
	}
	return newNotifier(form)
}
