package supervisor

import (
	"fmt"
	"os"
	"slices"

	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
)

// The environment variables that change how the whole program works. An unknown value
// is an error: if it were ignored, the user's wish would silently have no effect.
const (
	queueVar    = "UNDERSTUDY_QUEUE"
	notifierVar = "UNDERSTUDY_NOTIFIER"
)

// validateVariables lists the variables with unknown values.
func validateVariables() (errs []error) {
	for _, name := range []string{"UNDERSTUDY_SPIN", "UNDERSTUDY_RESERVE"} {
		if v := os.Getenv(name); v != "" && v != "off" && v != "on" {
			errs = append(errs, fmt.Errorf(`supervisor: %s is %q: it must be "off", "on" or unset`, name, v))
		}
	}
	if v := os.Getenv(notifierVar); !slices.Contains(notifiers, v) {
		errs = append(errs, fmt.Errorf("supervisor: %s: %w", notifierVar, notifierError(v)))
	}
	if _, err := segment.ParseForm(os.Getenv(segment.Variable)); err != nil {
		errs = append(errs, fmt.Errorf("supervisor: %s: %w", segment.Variable, err))
	}
	if v := os.Getenv(queueVar); v != "" && v != lane.Auto {
		if _, err := lane.FormNamed(v); err != nil {
			errs = append(errs, fmt.Errorf("supervisor: %s: %w", queueVar, err))
		}
	}
	return errs
}

// notifiers are the values of Spec.Notifier.
var notifiers = []string{"", "futex", "eventfd"}

func notifierError(v string) error {
	return fmt.Errorf(`notifier %q: the forms are "futex" and "eventfd"`, v)
}
