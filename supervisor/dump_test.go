package supervisor

import "testing"

// TestDump: a process that shows its goroutines has more time as long as it writes, and
// not for ever.
func TestDump(t *testing.T) {
	d := &dump{said: 7, left: dumps}
	for i := range int64(dumps - 1) {
		if !d.goesOn(8 + i) {
			t.Fatalf("it writes, and is killed after %d times", i+1)
		}
	}
	if d.goesOn(1 << 20) {
		t.Error("it writes without an end")
	}
	if d = (&dump{said: 7, left: dumps}); d.goesOn(7) {
		t.Error("it has written nothing")
	}
}
