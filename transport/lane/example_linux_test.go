package lane_test

import (
	"fmt"

	"github.com/understudy-go/understudy/transport/lane"
)

// Which forms of queue this machine allows, the best first. A form that is
// refused says why.
func ExampleProbe() {
	for _, s := range lane.Probe() {
		if s.Err != nil {
			continue // for example: RLIMIT_MSGQUEUE is 0; raise it with ulimit -q
		}
		fmt.Println(s.Form.Name)
		break
	}
	// Output: ring
}
