package lane

import (
	"errors"
	"fmt"
	"sync"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Auto is the word of configuration for the best form that this machine
// allows.
const Auto = "auto"

// Support says whether this machine allows a form.
type Support struct {
	Form Form
	Err  error // why not: a *transport.LimitError where a limit is the reason; nil when it is allowed
}

// Probe tries every form, with one entry through a queue of it, and says why
// each one that this machine refuses is refused. The first one without an error
// is what Auto means. It may be called again: answers are kept, except that a
// limit was reached, which may be for a moment only.
func Probe() []Support {
	s := make([]Support, 0, len(forms))
	for _, f := range Forms() {
		s = append(s, Support{f, f.probe()})
	}
	return s
}

// Best is the form that Auto means: the first of the table that this machine
// allows. Where it allows none, the error says why, for each.
func Best() (*Form, error) {
	var errs []error
	for i := range forms {
		err := forms[i].probe()
		if err == nil {
			return &forms[i], nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", forms[i].Name, err))
	}
	return nil, fmt.Errorf("lane: this machine allows no form of queue: %w", errors.Join(errs...))
}

var (
	probeMu sync.Mutex
	probed  = map[wire.Queue]error{}
)

// probe says whether a queue of this form can be had: nil, or why not.
func (f *Form) probe() error {
	probeMu.Lock()
	defer probeMu.Unlock()
	err, ok := probed[f.Queue]
	if ok {
		return err
	}
	if err = segments(); err == nil && f.Create != nil {
		err = f.try()
	}
	if limit := (*transport.LimitError)(nil); !errors.As(err, &limit) {
		probed[f.Queue] = err
	}
	return err
}

// segments says whether there is memory for the pages of a lane, which every
// form needs.
func segments() error {
	var errs []error
	for _, s := range segment.Probe() {
		if s.Err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%v: %w", s.Form, s.Err))
	}
	return fmt.Errorf("no form of segment for the pages of a lane: %w", errors.Join(errs...))
}

// try sends one entry through a queue of this form, in this process.
func (f *Form) try() error {
	out, err := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
	if err != nil {
		return err
	}
	in, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		return err
	}
	s, file, err := f.Create(out)
	if err != nil {
		return err
	}
	r := f.Receive(file, in.Taken, 0, in, nil)
	_, err = s.Reserve(1)
	if err == nil {
		err = s.Commit()
	}
	if err == nil {
		_, err = r.Next()
	}
	err = errors.Join(err, f.Remove(file)) // while its descriptor is open
	s.Close()
	r.Close() // for some forms the same file
	return err
}
