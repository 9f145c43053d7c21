package supervisor

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

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
