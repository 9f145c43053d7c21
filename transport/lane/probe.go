package lane

import (
	"errors"
	"fmt"
	"sync"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// Auto stands in configuration for the best form that this machine allows.
const Auto = "auto"

// Support says whether this machine allows a form.
type Support struct {
	Form Form
	Err  error // nil if it is allowed; a *transport.LimitError if a limit forbids it
}

// Probe tries every form by sending one entry through a queue of it, and says which
// forms this machine refuses, and why. The first one without an error is what Auto
// means. Answers are kept for further calls, unless a limit was reached, which may
// have been for a moment only.
func Probe() []Support {
	s := make([]Support, 0, len(forms))
	for _, f := range forms {
		s = append(s, Support{f, f.probe()})
	}
	return s
}

// Best returns the form that Auto means: the first of the table that this machine
// allows. If it allows none, the error says why, for each.
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

// BestPrioritized returns the first form of the table that has priorities and that
// this machine allows. If it allows none, the error says why, for each.
func BestPrioritized() (*Form, error) {
	var errs []error
	for i := range forms {
		f := &forms[i]
		if f.CreatePriority == nil {
			continue
		}
		err := f.probe()
		if err == nil {
			err = probed(-int(f.Queue), func() error { return f.try(true) })
		}
		if err == nil {
			return f, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
	}
	return nil, fmt.Errorf("lane: this machine allows no form of queue that has priorities: %w", errors.Join(errs...))
}

var (
	probeMu sync.Mutex
	answers = map[int]error{} // by the number of a form; negative: with priorities
)

// probe returns nil if a queue of this form can be made, and otherwise why not.
func (f *Form) probe() error {
	return probed(int(f.Queue), func() error {
		if err := segments(); err != nil || f.Create == nil {
			return err
		}
		return f.try(false)
	})
}

// probed returns the answer kept under key, or else calls try for it.
func probed(key int, try func() error) error {
	probeMu.Lock()
	defer probeMu.Unlock()
	err, ok := answers[key]
	if ok {
		return err
	}
	err = try()
	if limit := (*transport.LimitError)(nil); !errors.As(err, &limit) {
		answers[key] = err
	}
	return err
}

// segments returns an error if there is no form of segment for the pages of a lane,
// which every form of queue needs.
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
func (f *Form) try(priority bool) error {
	out, err := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
	if err != nil {
		return err
	}
	in, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		return err
	}
	s, file, err := f.create(out, priority)
	if err != nil {
		return err
	}
	r := f.Receive(file, in, transport.Place{})
	_, err = s.Reserve(1)
	if err == nil {
		err = s.Commit()
	}
	if err == nil {
		_, err = r.Next()
	}
	err = errors.Join(err, f.Remove(file)) // while its descriptor is open
	s.Close()
	r.Close() // closes, for some forms, the same file
	return err
}
