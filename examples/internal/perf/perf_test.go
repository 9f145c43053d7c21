package perf

import (
	"io"
	"testing"
)

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

func TestWhy(t *testing.T) {
	words := "event syntax error: 'raw_syscalls:sys_enter'\n   \\___ can't access trace events\n\nError:\tNo permissions to read /sys/kernel/tracing\nHint:\tTry 'sudo mount'\n\n Usage: perf stat\n"
	for in, want := range map[string]string{words: "perf: No permissions to read /sys/kernel/tracing", "\nno such process\nmore": "perf: no such process", "": "EOF"} {
		if got := why(in, io.EOF); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
