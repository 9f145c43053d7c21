package perf

import "testing"

func TestParse(t *testing.T) {
	if n, err := parse("Events enabled\n1234,,raw_syscalls:sys_enter,5000,100.00,,\n"); n != 1234 || err != nil {
		t.Error(n, err)
	}
	if n, err := parse("<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n"); err == nil {
		t.Error(n)
	}
	if n, err := parse("event syntax error\n"); err == nil {
		t.Error(n)
	}
}
