package supervisor

import (
	"strings"
	"testing"
)

// TestOrderWithoutObject: an order without what it is about is refused: it comes from
// another process.
func TestOrderWithoutObject(t *testing.T) {
	for _, what := range []string{orderStart, orderReplace, orderAll} {
		out := (&Supervisor{engine: &engine{}}).follow(t.Context(), order{What: what})
		if err := out.err(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
