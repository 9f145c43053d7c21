//go:build !faultinject

package fault_test

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil/fault"
)

// Production builds ignore the environment.
func TestOff(t *testing.T) {
	t.Setenv(fault.Variable, "here:panic:1")
	fault.Hit("here")
}
