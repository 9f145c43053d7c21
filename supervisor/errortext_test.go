package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/transport"
)

// TestLimitCrosses: a limit of the machine that the process of a supervisor was
// refused something for is that limit where the error arrives.
func TestLimitCrosses(t *testing.T) {
	sent := &StartError{Child: "c", Err: fmt.Errorf("start x: %w", &transport.LimitError{
		Op: "exec", Limit: "RLIMIT_NPROC", Value: 7, Remedy: "raise it", Err: syscall.EAGAIN})}
	came := textOf(sent).err()
	start, limit := new(StartError), new(transport.LimitError)
	if !errors.As(came, &start) || !errors.As(came, &limit) || !errors.Is(came, syscall.EAGAIN) || came.Error() != sent.Error() {
		t.Fatalf("%v became %v", sent, came)
	}
	if limit.Op != "exec" || limit.Limit != "RLIMIT_NPROC" || limit.Value != 7 || limit.Remedy != "raise it" {
		t.Errorf("%+v", limit)
	}
}

// TestErrorsCross: errors that callers can tell apart arrive as what they are, with
// everything that they hold and every word.
func TestErrorsCross(t *testing.T) {
	exit := actor.Exit{PID: 7, Kind: actor.ExitSignal, Code: -1, Signal: syscall.SIGSEGV, Runtime: time.Second, MaxRSS: 1 << 20, Stderr: "oh\n", Summary: "killed by SIGSEGV"}
	refused := &RefusedError{Limit: LimitNice, Value: "3", Remedy: "ask for less", Err: fmt.Errorf("setpriority: %w", syscall.EPERM)}
	lack := &transport.LimitError{Op: "start", Limit: "RLIMIT_NOFILE", Value: 9, Remedy: "raise it", Err: syscall.EMFILE}
	types := &IncompatibleError{Type: "T", State: true, Old: 1 << 63, New: 2}
	start := func(err error) *StartError { return &StartError{Child: "c", Text: "no", Exit: exit, Err: err} }
	for _, sent := range []error{
		start(nil), start(refused), refused, lack, types,
		&ReplaceError{Child: "a/c", Step: "start", Err: start(refused)},
		&ReplaceError{Child: "a/c", Step: "take over", Err: types},
		&ReplaceError{Child: "a/c", Step: "hand over", Err: fmt.Errorf("it took too long: %w", os.ErrDeadlineExceeded)},
		start(fmt.Errorf("gave up: %w", &IntensityError{Supervisor: "a", Child: "c", Intensity: 3, Period: time.Minute, Exit: exit})),
		fmt.Errorf("supervisor: %w", &PresentError{ID: 7, Started: true}),
		fmt.Errorf("supervisor: %w", lack),
		errors.New("its own words"),
	} {
		b, err := json.Marshal(textOf(sent))
		if err != nil {
			t.Fatal(err)
		}
		var text errorText
		if err := json.Unmarshal(b, &text); err != nil {
			t.Fatal(err)
		}
		came := text.err()
		if came.Error() != sent.Error() {
			t.Errorf("%q became %q", sent, came)
		}
		for _, of := range []func(error) any{of[*StartError], of[*RefusedError], of[*transport.LimitError], of[*IncompatibleError],
			of[*ReplaceError], of[*IntensityError], of[*PresentError], of[syscall.Errno]} {
			if was, is := of(sent), of(came); !reflect.DeepEqual(was, is) {
				t.Errorf("of %v: %+v became %+v", sent, was, is)
			}
		}
		if errors.Is(sent, os.ErrDeadlineExceeded) != errors.Is(came, os.ErrDeadlineExceeded) {
			t.Errorf("%v: whether time was over", sent)
		}
	}
	for name, e := range namedErrors {
		came := textOf(fmt.Errorf("supervisor: child c: %w", e)).err()
		if !errors.Is(came, e) || came.Error() != "supervisor: child c: "+e.Error() {
			t.Errorf("%s: %v became %v", name, e, came)
		}
	}
}

// of is the error of a type in err, without what it wraps, which is compared for itself; or
// nil.
func of[E error](err error) any {
	var e E
	if !errors.As(err, &e) {
		return nil
	}
	if v := reflect.ValueOf(e); v.Kind() == reflect.Pointer {
		own := reflect.New(v.Type().Elem()).Elem()
		own.Set(v.Elem())
		if f := own.FieldByName("Err"); f.IsValid() {
			f.SetZero()
		}
		return own.Interface()
	}
	return e
}
