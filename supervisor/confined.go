package supervisor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/understudy-go/understudy/supervisor/internal/confine"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport/wire"
)

// confined starts the process of a child that has Limits.
func (s *Supervisor) confined(c *child, r *running, spec process.Spec) (*running, error) {
	if c.spec.Limits.onlyNamespaces() {
		return s.startProcess(c, r, spec)
	}
	limits, pipe, err := c.confinement()
	if err != nil {
		s.forget(r)
		return nil, err
	}
	defer pipe.close()
	limits.MountProc = c.spec.Limits.procOf()
	return s.trampoline(c, r, spec, limits, pipe)
}

// trampoline starts a process that limits itself before it executes the child. It has two
// descriptors after those of the child.
func (s *Supervisor) trampoline(c *child, r *running, spec process.Spec, limits *confine.Spec, pipe *refusalPipe) (*running, error) {
	env, text, err := confine.Command(*limits, firstFile+len(spec.Files))
	if err != nil {
		s.forget(r)
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	defer text.Close()
	spec.Env = append(spec.Env, env)
	spec.Files = append(slices.Clone(spec.Files), text, pipe.w)
	if r, err = s.startProcess(c, r, spec); err == nil {
		s.hearRefusals(c, r, pipe)
	}
	return r, err
}

// refusedNamespaces is the error for namespaces that the machine refuses.
func refusedNamespaces(e *process.NamespaceError) *RefusedError {
	x := &RefusedError{Err: e.Err, Remedy: "namespaces need privilege, or NamespaceUser beside them, and a container that allows them (user.max_user_namespaces, its seccomp profile)"}
	var names []string
	for _, n := range namespaces {
		if flags([]Limit{n})&e.Namespaces != 0 {
			names = append(names, string(n))
		}
	}
	if len(names) > 0 {
		x.Limit, x.Value = Limit(names[0]), strings.Join(names, ", ")
	}
	return x
}

// firstFile is the number of a child's first descriptor after stderr.
const firstFile = 3

// confinement is what the trampoline of a child is told to do, and the pipe through
// which it reports.
func (c *child) confinement() (*confine.Spec, *refusalPipe, error) {
	limits, err := c.spec.Limits.confinement()
	if err != nil {
		return nil, nil, err
	}
	limits.Death = process.DeathSignal
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, process.Limited("supervisor: report of limits", err)
	}
	return limits, &refusalPipe{r, w}, nil
}

// refusalPipe is how a trampoline reports which limits were refused.
type refusalPipe struct{ r, w *os.File }

// close closes the ends that nobody has taken over.
func (p *refusalPipe) close() {
	p.w.Close()
	if p.r != nil {
		p.r.Close()
	}
}

// hearRefusals reads what a trampoline reports, until it has become the child.
func (s *Supervisor) hearRefusals(c *child, r *running, p *refusalPipe) {
	r.limited = make(chan struct{})
	end := p.r
	p.r = nil
	go func() {
		defer close(r.limited)
		for _, x := range confine.Refusals(end) {
			s.post(func() { s.refused(c, r, x) })
		}
	}()
}

// refused handles a limit that the machine has refused.
func (s *Supervisor) refused(c *child, r *running, x confine.Refusal) {
	if c.next.is(r) {
		c = c.next.self
	}
	if c.run != r {
		return
	}
	e := &RefusedError{Limit: Limit(x.Limit), Value: x.Value, Remedy: x.Remedy, Err: systemError(x.Text, x.Errno)}
	if x.Fatal {
		c.refusal, c.failed = e, e.Error()
		return
	}
	s.goesWithout(c, e)
}

// goesWithout reports that an optional limit was refused.
func (s *Supervisor) goesWithout(c *child, e *RefusedError) {
	s.log.Warn("an optional limit of a child was refused", "child", c.name, "err", e)
	s.event(EventRefused, c, e.Error())
}

// systemError rebuilds a system error that another process has reported.
func systemError(text string, errno syscall.Errno) error {
	if errno == 0 {
		return errors.New(text)
	}
	before, _ := strings.CutSuffix(text, errno.Error())
	return fmt.Errorf("%s%w", before, errno)
}

// limitsPending says whether a child must not count as ready, because its limits were
// refused or are not in force yet. In the latter case f is handled again when they are.
// Without this, a command that is ready as soon as it runs would be so too early.
func (s *Supervisor) limitsPending(c *child, r *running, f *wire.Ready) bool {
	if r.limited == nil {
		return false
	}
	select {
	case <-r.limited:
		return c.refusal != nil
	default:
	}
	go func() {
		<-r.limited
		s.post(func() { s.frame(r, f, nil) })
	}()
	return true
}
