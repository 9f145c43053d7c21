package supervisor

import (
	"errors"
	"os"
	"syscall"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/transport"
)

// errorText is an error of a command in the form in which it crosses between processes.
// Errors that callers can tell apart stay distinguishable.
type errorText struct {
	Text      string
	Is        string // a key of namedErrors, or ""
	Present   *PresentError
	Intensity *IntensityError
	Start     *startText
	Refused   *refusedText
	Lack      *lackText
	Replace   *replaceText
	Types     *IncompatibleError
}

type replaceText struct {
	Child, Step string
	Err         *errorText
}

type refusedText struct {
	Limit         Limit
	Value, Remedy string
	Text          string // of the system's error
	Errno         syscall.Errno
}

// lackText is a *transport.LimitError.
type lackText struct {
	Op, Limit string
	Value     uint64
	Remedy    string
	Text      string // of the system's error
	Errno     syscall.Errno
}

type startText struct {
	Child, Text string
	Exit        actor.Exit
	Err         *errorText
}

var namedErrors = map[string]error{
	"not found": ErrNotFound, "running": ErrRunning, "restarting": ErrRestarting, "terminated": ErrTerminated, "ignored": ErrIgnored,
	"simple": ErrSimple, "shutting down": ErrShuttingDown, "not running": ErrNotRunning, "ended": ErrEnded,
	"replacing": ErrReplacing, "resizing": ErrResizing, "no operator": ErrNotOperator, "no answer": ErrNoAnswer, "unsupported": errors.ErrUnsupported, "deadline": os.ErrDeadlineExceeded, "no file": os.ErrNotExist,
}

// awayError is an error that has come from another process.
type awayError struct {
	text string
	is   error
}

func (e *awayError) Error() string { return e.text }
func (e *awayError) Unwrap() error { return e.is }

// textOf converts err to the form in which it crosses.
func textOf(err error) *errorText {
	if err == nil {
		return nil
	}
	t := &errorText{Text: err.Error()}
	var start *StartError
	var refused *RefusedError
	var replace *ReplaceError
	var lack *transport.LimitError
	switch {
	case errors.As(err, &replace):
		t.Replace = &replaceText{replace.Child, replace.Step, textOf(replace.Err)}
	case errors.As(err, &start):
		t.Start = &startText{start.Child, start.Text, start.Exit, textOf(start.Err)}
	case errors.As(err, &refused):
		t.Refused = &refusedText{Limit: refused.Limit, Value: refused.Value, Remedy: refused.Remedy, Text: refused.Err.Error()}
		errors.As(refused.Err, &t.Refused.Errno)
	case errors.As(err, &lack):
		t.Lack = &lackText{Op: lack.Op, Limit: lack.Limit, Value: lack.Value, Remedy: lack.Remedy, Text: lack.Err.Error()}
		errors.As(lack.Err, &t.Lack.Errno)
	case errors.As(err, &t.Present), errors.As(err, &t.Intensity), errors.As(err, &t.Types):
	default:
		for name, e := range namedErrors {
			if errors.Is(err, e) {
				t.Is = name
			}
		}
	}
	return t
}

// err undoes textOf.
func (t *errorText) err() error {
	if t == nil {
		return nil
	}
	e := &awayError{text: t.Text, is: namedErrors[t.Is]}
	switch {
	case t.Start != nil:
		return &StartError{Child: t.Start.Child, Text: t.Start.Text, Exit: t.Start.Exit, Err: t.Start.Err.err()}
	case t.Refused != nil:
		r := t.Refused
		return &RefusedError{Limit: r.Limit, Value: r.Value, Remedy: r.Remedy, Err: systemError(r.Text, r.Errno)}
	case t.Lack != nil:
		l := t.Lack
		e.is = &transport.LimitError{Op: l.Op, Limit: l.Limit, Value: l.Value, Remedy: l.Remedy, Err: systemError(l.Text, l.Errno)}
	case t.Replace != nil:
		return &ReplaceError{Child: t.Replace.Child, Step: t.Replace.Step, Err: t.Replace.Err.err()}
	case t.Types != nil:
		return t.Types
	case t.Present != nil:
		e.is = t.Present
	case t.Intensity != nil:
		e.is = t.Intensity
	}
	return e
}
